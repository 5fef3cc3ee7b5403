import { describe, expect, test } from "vitest";
import type { Field } from "./definition";
import { double, edited, followed, insert, move, placeOf, put, remove, textOf, valueOf } from "./edits";
import { exactly, outward, told, within } from "./faults";
import { partsOf, read } from "./reading";
import type { Argument } from "./shapes";
import { stepsOf, suited, summaryOf, unknownOf } from "./steps";

const TEXT = `# Kept by hand.
name: tidy
label: Check # short
fields: []
unheard_of: {a: [1, 2]}
filter_rules:
  # The large ones.
  - type: file
    state: all
    include: ["*.dat"]
    action:
      - name: checksum # first
        on_error: {ESTALE: transient}
      - name: migrate
        premigrate: true
  - type: all
    state: default
    action:
      - name: noop
`;

describe("a change of a definition", () => {
  test("leaves all else as it stands, also what the form does not know", () => {
    const text = edited(TEXT, "yaml", put(["filter_rules", 0, "action", 1, "premigrate"], "*keep"));
    expect(text).toBe(TEXT.replace("premigrate: true", 'premigrate: "*keep"'));
    expect(edited(TEXT, "yaml", put(["label"], "Look"))).toBe(TEXT.replace("label: Check # short", "label: Look # short"));
    expect(edited(TEXT, "yaml", put(["filter_rules", 0, "action", 1, "premigrate"], undefined))).toBe(TEXT.replace("        premigrate: true\n", ""));
    expect(edited(TEXT, "yaml", put(["nothing"], undefined))).toBe(TEXT);
    expect(edited('label: ""\nname: "x"\n', "yaml", put(["label"], "Look"))).toBe('label: Look\nname: "x"\n');
  });
  test("of a key that is spelled as a number finds it, and takes a group along of which nothing is left", () => {
    const text = "name: a\non_error:\n  503: permanent # full\n";
    expect(edited(text, "yaml", put(["on_error", "503"], "no_space"))).toBe(text.replace("permanent", "no_space"));
    expect(edited(text, "yaml", put(["on_error", "503"], undefined))).toBe("name: a\n");
    expect(edited("name: a\n", "yaml", put(["patience", "tries"], 9))).toBe("name: a\npatience:\n  tries: 9\n");
    expect(edited("name: a\n", "yaml", put(["patience", "tries"], undefined))).toBe("name: a\n");
  });
  test("says the same in both languages", () => {
    const { value } = read(TEXT, "yaml");
    const json = JSON.stringify(value);
    for (const change of [put(["label"], "x"), insert(["fields"], 0, { name: "a" }), move(["filter_rules"], 1, 0), remove(["filter_rules", 0, "action"], 0), double(["filter_rules"], 0), put(["filter_rules", 1, "include", 0], "*.raw")]) {
      expect(read(edited(json, "json", change), "json").value).toEqual(read(edited(TEXT, "yaml", change), "yaml").value);
    }
  });
  test("moves rules and steps with their comments", () => {
    const text = edited(TEXT, "yaml", move(["filter_rules", 0, "action"], 0, 1));
    expect(text).toContain("- name: checksum # first");
    expect(read(text, "yaml").value).toMatchObject({ filter_rules: [{ action: [{ name: "migrate" }, { name: "checksum", on_error: { ESTALE: "transient" } }] }, {}] });
  });
  test("makes what is not there: lists, rules, a first step", () => {
    expect(edited("fields: null\n", "yaml", insert(["fields"], 0, { name: "a" }))).toBe("fields:\n  - name: a\n");
    expect(edited("", "yaml", put(["name"], "x"))).toBe("name: x\n");
    expect(read(edited("name: x\n", "yaml", insert(["filter_rules", 0, "action"], 0, { name: "noop" })), "yaml").value).toEqual({ name: "x", filter_rules: [{ action: [{ name: "noop" }] }] });
    expect(edited("fields: []\n", "yaml", insert(["fields"], 0, { name: "a" }))).toBe("fields:\n  - name: a\n");
  });
  test("takes what somebody writes as it is meant, and never half of it", () => {
    expect([valueOf("12"), valueOf("0."), valueOf("012"), valueOf("50 %"), valueOf("0.5"), valueOf(""), valueOf("*size")]).toEqual([12, "0.", "012", "50 %", 0.5, undefined, "*size"]);
    expect([textOf(12), textOf("a"), textOf(true), textOf(null), textOf({ a: 1 })]).toEqual(["12", "a", "true", "", '{"a":1}']);
  });
});

describe("a place", () => {
  test("is written as the hub writes it", () => {
    for (const place of ["name", "filter_rules[0].action[1].premigrate", "fields[2]"]) expect(placeOf(partsOf(place))).toBe(place);
  });
  test("goes with what was moved", () => {
    const open = new Set(["filter_rules[0].action[0]", "filter_rules[0].action[2]", "filter_rules[1].action[0]"]);
    const sorted = (places: Set<string>): string[] => [...places].sort();
    expect(sorted(followed(open, ["filter_rules", 0, "action"], 0, 2))).toEqual(["filter_rules[0].action[1]", "filter_rules[0].action[2]", "filter_rules[1].action[0]"]);
    expect(sorted(followed(open, ["filter_rules"], 0, 1))).toEqual(["filter_rules[0].action[0]", "filter_rules[1].action[0]", "filter_rules[1].action[2]"]);
    expect(sorted(followed(open, ["filter_rules"], 0))).toEqual(["filter_rules[0].action[0]"]);
  });
  test("has the faults that are about it", () => {
    const faults = ["fields[1].name", "fields[10]", "fields[1]", "label"].map((place) => ({ place, text: "is wrong" }));
    expect(within(faults, "fields[1]").map((fault) => fault.place)).toEqual(["fields[1].name", "fields[1]"]);
    expect(told(exactly(faults, "label"))).toBe("Is wrong");
    expect(told([])).toBeUndefined();
    expect(outward("fields[1].name")).toEqual(["fields[1].name", "fields[1]", "fields"]);
  });
});

describe("a step", () => {
  const schema = {
    $defs: { step: { anyOf: [
      { title: "migrate", description: "copy files", properties: { name: { enum: ["migrate", "dynamo.tasks.migrate"] }, site: {}, on_error: {}, premigrate: { description: "keep", anyOf: [{ type: "boolean" }, {}], default: false }, lock: { anyOf: [{ type: "string", enum: ["a", "b"] }] } } },
      { type: "object", properties: { name: { pattern: "^dynamo" } } },
    ] } },
  };
  const [migrate] = stepsOf(schema);
  test("takes what the schema says", () => {
    expect(stepsOf(schema)).toHaveLength(1);
    expect(migrate?.takes.map((one) => [one.name, one.type, one.otherwise])).toEqual([["premigrate", "boolean", false], ["lock", "string", undefined], ["site", "string", undefined], ["queue", "string", undefined]]);
    expect(stepsOf(undefined)).toEqual([]);
  });
  test("is handed the fields that suit", () => {
    const field = (name: string, type: Field["type"], choices: string[] = []): Field => ({ name, type, choices, label: "", default: null, required: false });
    const lock = migrate?.takes[1] as Argument;
    expect(suited([field("x", "choice", ["a"]), field("y", "choice", ["c"]), field("z", "string"), field("n", "int")], lock)).toEqual(["*x", "*z"]);
  });
  test("keeps in sight what the form does not know", () => {
    const use = { name: "migrate", premigrate: true, lock: "*x", on_error: { A: "transient" }, odd: 1 };
    expect(unknownOf(use, migrate)).toEqual([["odd", 1]]);
    expect(unknownOf({ name: "migrate", on_error: "never" }, migrate)).toEqual([["on_error", "never"]]);
    expect(unknownOf(use, undefined)).toHaveLength(4);
    expect(summaryOf(use)).toEqual(["premigrate", "lock: *x", "A: transient", "odd: 1"]);
  });
});
