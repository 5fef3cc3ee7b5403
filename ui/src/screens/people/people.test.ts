import { expect, test } from "vitest";
import type { Group, User } from "~/api/people";
import { fits, grantsOf, linkOf, standingOf } from "./standing";

const now = new Date("2026-11-29T12:00:00Z");
const user = (more: Partial<User>): User => ({ name: "ana", disabled: false, has_password: true, locked_until: null, ...more }) as User;

test("a user is blocked, locked out for a while, without a password, or active", () => {
  const all = [user({ disabled: true, has_password: false }), user({ locked_until: "2026-11-29T12:10:00Z" }), user({ locked_until: "2026-11-29T11:00:00Z" }), user({ has_password: false })];
  expect(all.map((one) => standingOf(one, now).word)).toEqual(["Blocked", "Locked out", "Active", "No password"]);
});

test("what a group may stands in one line", () => {
  expect([grantsOf({ spaces: { genomes: "view", films: "administer" } } as unknown as Group), grantsOf({ spaces: {} } as unknown as Group)]).toEqual(["views genomes, administers films", ""]);
});

test("a link bears its code where no server sees it", () => expect(linkOf("https://hub", "abc")).toBe("https://hub/welcome#abc"));

test("somebody is found by any of their words", () => expect([fits(" AN", "ana", "viewer"), fits("view", "ana", "viewer"), fits("x", "ana"), fits("", "ana")]).toEqual([true, true, false, true]));
