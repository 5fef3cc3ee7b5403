import { describe, expect, test } from "vitest";
import schema from "../../../../docs/workflow.schema.json";
import { objectOf } from "./definition";
import { bearsOf, optionsOf, resolved } from "./shapes";
import { bornBy, stepsOf } from "./steps";

describe("the schema of the hub", () => {
  const bears = bearsOf(schema, objectOf(schema.properties));
  test("says which classes an error may have, and what each means", () => {
    expect(bears.errors?.classes.map((one) => one.value)).toEqual(["permanent", "transient", "no_space", "archived", "no_permission"]);
    expect(bears.errors?.classes.every((one) => one.about)).toBe(true);
    expect(bears.errors?.names).toEqual(expect.arrayContaining(["transient", "EBUSY", "503", "SlowDown"]));
  });
  test("says how patient one may be, with what holds where nothing is said", () => {
    const [tries] = bears.patience?.takes ?? [];
    expect([tries?.name, tries?.type, tries?.otherwise, tries?.handed]).toEqual(["tries", "integer", 5, false]);
    expect(bears.patience?.takes.every((one) => one.about)).toBe(true);
  });
  test("says the same of each step", () => {
    const kinds = stepsOf(schema);
    expect(kinds.length).toBeGreaterThan(10);
    expect(kinds.every((kind) => kind.bears.errors?.names.length === bears.errors?.names.length && kind.bears.patience)).toBe(true);
    expect(kinds.flatMap((kind) => kind.takes).every((one) => one.handed)).toBe(true);
  });
  test("says which options each discovery takes", () => {
    const options = optionsOf(schema);
    expect([...options.keys()]).toEqual(["recursive", "listing"]);
    expect(options.get("listing")?.map((one) => [one.name, one.type, one.handed])).toEqual([["endpoint", "string", true], ["prefix", "string", true], ["to_path", "string", true]]);
    expect(options.get("recursive")?.map((one) => [one.name, one.type, one.otherwise])).toEqual([["skip_missing", "boolean", false]]);
  });
});

test("what is said in another form than the schema's is no business of the form", () => {
  const bears = { errors: { about: "", names: [], classes: [] }, patience: { about: "", takes: [] } };
  expect(bornBy(bears, {})).toEqual(["on_error", "patience"]);
  expect(bornBy(bears, { on_error: null, patience: ["no"] })).toEqual(["on_error"]);
  expect(bornBy({}, {})).toEqual([]);
});

test("a schema without any of it asks nothing", () => {
  expect(bearsOf(undefined, {})).toEqual({});
  expect(optionsOf({}).size).toBe(0);
  expect(resolved({}, { $ref: "#/$defs/none" })).toEqual({});
});
