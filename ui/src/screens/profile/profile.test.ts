import { describe, expect, test } from "vitest";
import type { Key } from "~/api/people";
import { endAfter, faultOf, isOpen, standingOf } from "./standing";

const now = new Date("2026-11-29T12:00:00Z");
const key = (more: Partial<Key>): Key => ({ id: 1, revoked_at: null, expires_at: null, ...more }) as Key;

describe("a key", () => {
  test("is open until it is revoked or ends, and says so before it ends", () => {
    const words = [key({}), key({ revoked_at: "2026-11-01T00:00:00Z" }), key({ expires_at: "2026-11-29T11:59:59Z" }), key({ expires_at: "2026-12-01T00:00:00Z" }), key({ expires_at: "2027-12-01T00:00:00Z" })].map((one) => standingOf(one, now).word);
    expect(words).toEqual(["Never ends", "Revoked", "Expired", "Ends soon", "Open"]);
    expect([isOpen(key({}), now), isOpen(key({ expires_at: "2026-11-29T12:00:00Z" }), now)]).toEqual([true, false]);
  });
  test("ends so many days on, or never", () => {
    expect([endAfter("1", now), endAfter("", now)]).toEqual(["2026-11-30T12:00:00.000Z", null]);
  });
});

test("a new password is long, and the same twice", () => {
  expect([faultOf("", ""), faultOf("short", ""), faultOf("long enough for two", "long"), faultOf("long enough for two", "long enough for two")]).toEqual([undefined, "Expected 12 characters or more, found 5", "The two differ", undefined]);
});
