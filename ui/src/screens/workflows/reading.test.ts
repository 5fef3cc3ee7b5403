import { describe, expect, test } from "vitest";
import { pairOf, readWorkflowSearch } from "./search";
import { lineOf, partsOf, rangeOf, read, write } from "./reading";

const TEXT = `name: tidy
label: Check
filter_rules:
  - type: file
    state: all
    action:
      - name: checksum
      - name: migrat
        premigrate: true
`;

const at = (place: string): string => {
  const [from, to] = rangeOf(read(TEXT, "yaml").tree, TEXT, place);
  return TEXT.slice(from, to);
};

describe("a definition as text", () => {
  test("says the same in both languages", () => {
    const { value } = read(TEXT, "yaml");
    expect(read(write(value, "json"), "json").value).toEqual(value);
    expect(read(write(value, "yaml"), "yaml").value).toEqual(value);
    expect(value).toMatchObject({ name: "tidy", filter_rules: [{ action: [{ name: "checksum" }, { name: "migrat", premigrate: true }] }] });
  });
  test("is read as the hub reads it: yes is true, what looks like true stays text, and no alias is taken", () => {
    expect(read("enabled: yes\n", "yaml").value).toEqual({ enabled: true });
    expect(read(write({ label: "yes", name: "012" }, "yaml"), "yaml").value).toEqual({ label: "yes", name: "012" });
    expect(read("a: &x 1\nb: *x\n", "yaml")).toMatchObject({ value: undefined, marks: [{ expected: "a definition without aliases" }] });
  });
  test("is marked where it is broken", () => {
    const broken = read('{"name": "tidy",\n "label" 7}', "json");
    expect(broken.value).toBeUndefined();
    expect(lineOf('{"name": "tidy",\n "label" 7}', broken.marks[0]?.from ?? 0)).toBe(2);
    expect(read("name: [", "yaml").marks.length).toBeGreaterThan(0);
    expect(read("{", "json").marks).toHaveLength(1);
  });
});

describe("a place that the hub names", () => {
  test("is found in the text", () => {
    expect(partsOf("filter_rules[2].action[0].name")).toEqual(["filter_rules", 2, "action", 0, "name"]);
    expect(at("label")).toBe("label: Check");
    expect(at("filter_rules[0].action[1]")).toBe("name: migrat");
    expect(at("filter_rules[0].action[1].premigrate")).toBe("premigrate: true");
    expect(at("filter_rules[0].action")).toBe("action");
  });
  test("is where it would be, if it is not there", () => {
    expect(at("filter_rules[0].include")).toBe("type: file");
    expect(at("")).toBe("name: tidy");
    expect(at("discovery")).toBe("name: tidy");
    expect(rangeOf(read("", "yaml").tree, "", "name")).toEqual([0, 0]);
  });
});

describe("what is compared", () => {
  test("is the newest version with the one before it, or what the address says", () => {
    const versions = [{ version: 3 }, { version: 2 }, { version: 1 }];
    expect(pairOf({}, versions)).toEqual({ old: 2, new: 3 });
    expect(pairOf({ old: 1, new: 2 }, versions)).toEqual({ old: 1, new: 2 });
    expect(pairOf({ old: 9 }, versions)).toEqual({ old: 2, new: 3 });
    expect(pairOf({}, [{ version: 1 }])).toBeUndefined();
    expect(readWorkflowSearch({ tab: "versions", old: "1", new: -2 })).toEqual({ tab: "versions", old: 1 });
  });
});
