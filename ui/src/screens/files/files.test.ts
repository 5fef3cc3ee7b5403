import { describe, expect, test } from "vitest";
import type { Step } from "~/api/queries";
import { lookOf } from "~/parts/FileMark";
import { fieldsOf, rulesOf, takes } from "../workflows/definition";
import { allOrNone, moved, NONE, toggled } from "./chosen";
import { blank, faultsOf, foreseen, given, keyed, PLAIN, submissionOf } from "./creator";
import { lettered } from "./Details";
import { crumbsOf, readFilesSearch } from "./search";

const rows = ["a", "b", "c", "d", "e"].map((path_b64) => ({ path_b64 }));

describe("what is chosen", () => {
  test("is one entry, or all from the last one to this", () => {
    const one = toggled(NONE, rows, 1, false);
    expect([...one.paths]).toEqual(["b"]);
    expect([...toggled(one, rows, 3, true).paths]).toEqual(["b", "c", "d"]);
    expect([...toggled(one, rows, 1, false).paths]).toEqual([]);
    expect(toggled(NONE, rows, 9, false)).toBe(NONE);
  });
  test("is all of them, then none", () => {
    const all = allOrNone(NONE, rows);
    expect(all.paths.size).toBe(5);
    expect(allOrNone(all, rows).paths.size).toBe(0);
  });
  test("grows with the arrow keys under shift, and keys end at the ends", () => {
    const first = moved(NONE, rows, "ArrowDown", 3, false);
    expect(first?.cursor).toBe(0);
    const grown = moved(moved(first ?? NONE, rows, "ArrowDown", 3, true) ?? NONE, rows, "ArrowDown", 3, true);
    expect([...(grown?.paths ?? [])]).toEqual(["a", "b", "c"]);
    expect([moved(NONE, rows, "End", 3, false)?.cursor, moved({ ...NONE, cursor: 4 }, rows, "PageDown", 3, false)?.cursor, moved({ ...NONE, cursor: 1 }, rows, "PageUp", 3, false)?.cursor]).toEqual([4, 4, 0]);
    expect(moved(NONE, rows, "x", 3, false)).toBeUndefined();
    expect(moved(NONE, [], "End", 3, false)).toBeUndefined();
  });
});

describe("where one is", () => {
  test("leads from the deepest root to the path", () => {
    const roots = { data: "/srv/data", deep: "/srv/data/deep" };
    expect(crumbsOf("/srv/data/a/b", roots).map((crumb) => `${crumb.name} ${crumb.path}`)).toEqual(["data /srv/data", "a /srv/data/a", "b /srv/data/a/b"]);
    expect(crumbsOf("/srv/data/deep", roots)).toEqual([{ name: "deep", path: "/srv/data/deep" }]);
    expect(crumbsOf("/srv/database", roots)).toEqual([]);
  });
  test("is read from an address, as far as it can be understood", () => {
    expect(readFilesSearch({ path: "relative", look: 2026, run: "", x: 1 })).toEqual({ look: "2026", run: "" });
    expect(readFilesSearch({ path: "/a" })).toEqual({ path: "/a" });
  });
});

describe("an order", () => {
  const fields = fieldsOf({ fields: [{ name: "to", type: "enum", required: true }, { name: "size", type: "int", default: 0 }, { name: "keep", type: "bool", default: true }, { name: "level", type: "choice", choices: ["a", "b"], default: "a" }, { name: "odd", type: "?" }] });
  test("begins with the defaults, and tells what is missing", () => {
    expect(blank(fields)).toEqual({ to: "", size: "0", keep: true, level: "a", odd: "" });
    expect(faultsOf(fields, { ...blank(fields), size: "many" })).toEqual({ to: "Expected a value, found none", size: "Expected a whole number, found 'many'" });
  });
  test("says only what its workflow does not say itself", () => {
    expect(given(fields, { ...blank(fields), to: "bergen", size: "7", keep: false })).toEqual({ to: "bergen", size: 7, keep: false });
    expect(submissionOf("send", "oslo", [{ path_b64: "L2E=" }], { to: "bergen" }, { ...PLAIN, queue: "night", priority: "5" })).toEqual({ workflow: "send", site: "oslo", paths: [{ path_b64: "L2E=", state: "" }], fields: { to: "bergen" }, queue: "night", priority: 5 });
  });
  test("has one key until it was taken, or is another order", () => {
    let made = 0;
    const key = keyed(() => `k${++made}`);
    expect([key.of({ a: 1 }), key.of({ a: 1 }), key.of({ a: 2 })]).toEqual(["k1", "k1", "k2"]);
    key.spent();
    expect(key.of({ a: 2 })).toBe("k3");
  });
});

describe("what is shown", () => {
  test("of a dry run are the steps that paths come to, rule by rule", () => {
    const step = (rule: number, position: number, reached: number): Step => ({ rule, position, reached }) as Step;
    expect(foreseen([step(1, 0, 2), step(0, 1, 3), step(0, -1, 9), step(0, 0, 3), step(2, 0, 0)]).map((one) => [one.rule, one.position])).toEqual([[0, 0], [0, 1], [1, 0]]);
  });
  test("of a file is its state, also one that this screen has never heard of", () => {
    expect(lookOf({ type: "file", state: "offline" }).word).toBe("Offline");
    expect(lookOf({ type: "directory", state: null }).word).toBe("Directory");
    expect(lookOf({ type: "file", state: "frozen" }).word).toBe("frozen");
    expect(lettered("0750")).toBe("rwxr-x---");
  });
  test("of a rule is what it takes", () => {
    const [one, two] = rulesOf({ filter_rules: [{ type: "file", state: "all", action: [{ name: "migrate", site: "*to", premigrate: true }] }, { type: "folder", state: "created", include: ["*.x"] }] });
    expect(one && takes(one)).toBe("files");
    expect(two && takes(two)).toBe("created directories");
    expect(one?.action).toEqual([{ name: "migrate", site: "*to", queue: null, said: [["premigrate", true]] }]);
    expect(rulesOf({ filter_rules: 7 })).toEqual([]);
  });
});
