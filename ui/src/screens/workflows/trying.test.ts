import { describe, expect, test } from "vitest";
import { amiss, NOTHING, reason, taking, type Said } from "./trying";

describe("a path that is tried", () => {
  test("is asked anew only where the answer can be another", () => {
    const rule = { type: "file", state: "all", include: ["*.dat"], action: [{ name: "noop" }] };
    expect(taking({ name: "x", label: "y", filter_rules: [rule] })).toEqual({ filter_rules: [{ type: "file", state: "all", include: ["*.dat"] }] });
    expect(taking({ discovery: null, filter_rules: "odd" })).toEqual({ discovery: null, filter_rules: "odd" });
  });
  test("is one from the root on at a site", () => {
    expect(amiss({ ...NOTHING, path: "a.dat" })).toBeUndefined();
    expect(amiss({ ...NOTHING, site: "oslo", path: "a.dat" })).toContain("from / on");
  });
  test("has a reason for each rule", () => {
    const said = (why: Said["why"], glob: string | null = null): string => reason({ rule: 0, text: "", why, glob }, { type: "file", state: "processed" });
    expect([said("takes"), said("takes", "*.dat"), said("type"), said("state"), said("exclude", "*~")]).toEqual(["Takes it", "Takes it: it is like *.dat", "Takes no files", "Takes none of state processed", "Leaves out what is like *~"]);
    expect(said("earlier")).toContain("asked later");
    expect(said("include")).toContain("None of its globs");
  });
});
