import { expect, test } from "vitest";
import { mayRunAt, mayRunIn } from "./rights";

const ALL = { rights: ["read" as const, "run" as const], runs_in: [] };
const SOME = { rights: ["own" as const], runs_in: [{ site: "oslo", space: "genomes" }] };
const SPACES = [{ name: "genomes", site: "oslo", path: "/data/genomes" }, { name: "genomes", site: "rome", path: "/data/genomes" }];

test("who may run anywhere may run here", () => {
  expect(mayRunIn(ALL, "rome", null)).toBe(true);
  expect(mayRunAt(ALL, "rome", "/", [])).toBe(true);
});

test("who may run for the sake of a group may in its spaces alone", () => {
  expect(mayRunIn(SOME, "oslo", "genomes")).toBe(true);
  expect(mayRunIn(SOME, "rome", "genomes")).toBe(false);
  expect(mayRunIn(SOME, "oslo", null)).toBe(false);
  expect(mayRunAt(SOME, "oslo", "/data/genomes/run-1", SPACES)).toBe(true);
  expect(mayRunAt(SOME, "oslo", "/data", SPACES)).toBe(false);
  expect(mayRunAt(SOME, "rome", "/data/genomes", SPACES)).toBe(false);
});

test("who is not known may nothing", () => {
  expect(mayRunIn(null, "oslo", "genomes")).toBe(false);
});
