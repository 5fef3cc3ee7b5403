/** The steps that this hub knows and what each takes, read from the JSON Schema of definitions. */
import { listOf, objectOf, type Definition, type Field } from "./definition";

export interface Argument {
  name: string;
  about: string;
  type: "boolean" | "integer" | "string";
  choices: readonly string[];
  /** What holds where nothing is said. */
  otherwise?: string | number | boolean;
}

export interface StepKind {
  name: string;
  about: string;
  /** Its name, and the field's names for it. */
  names: readonly string[];
  takes: readonly Argument[];
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** What a step says beside its arguments; where it runs is asked like one. */
const BESIDE = new Set(["name", "site", "queue", "on_error", "patience"]);
const PLACES: readonly Argument[] = [
  { name: "site", about: "another site than the job's", type: "string", choices: [] },
  { name: "queue", about: "a queue of its site", type: "string", choices: [] },
];

function argumentOf(name: string, said: Definition): Argument {
  const value = objectOf(listOf(said.anyOf)[0]);
  const type = value.type === "boolean" || value.type === "integer" ? value.type : "string";
  const otherwise = said.default;
  return {
    name, about: textOf(said.description), type, choices: listOf(value.enum).map(textOf),
    ...(typeof otherwise === "string" || typeof otherwise === "number" || typeof otherwise === "boolean" ? { otherwise } : {}),
  };
}

/** The steps of a schema, by name. */
export function stepsOf(schema: unknown): StepKind[] {
  const kinds = listOf(objectOf(objectOf(objectOf(schema).$defs).step).anyOf).map(objectOf);
  return kinds.filter((kind) => textOf(kind.title)).map((kind) => {
    const members = objectOf(kind.properties);
    const names = listOf(objectOf(members.name).enum).map(textOf);
    return { name: textOf(kind.title), about: textOf(kind.description), names, takes: [...Object.entries(members).filter(([key]) => !BESIDE.has(key)).map(([key, said]) => argumentOf(key, objectOf(said))), ...PLACES] };
  }).sort((one, other) => one.name.localeCompare(other.name));
}

/** The discoveries of a schema. */
export const discoveriesOf = (schema: unknown): string[] => listOf(objectOf(objectOf(objectOf(schema).properties).discovery).enum).filter((name) => typeof name === "string");

const VALUES: Readonly<Record<Field["type"], Argument["type"]>> = { string: "string", int: "integer", bool: "boolean", choice: "string", enum: "string" };

/** The fields that may be handed on to an argument, as the hub sees it. */
export function suited(fields: readonly Field[], argument: Argument): string[] {
  const fits = (field: Field): boolean => VALUES[field.type] === argument.type && !(field.choices.length && argument.choices.length && field.choices.some((choice) => !argument.choices.includes(choice)));
  return fields.filter((field) => field.name && fits(field)).map((field) => `*${field.name}`);
}

/** What a step says besides what the form knows of it: arguments that it does not take, and how it bears errors. */
export function unknownOf(use: Definition, kind: StepKind | undefined): [string, unknown][] {
  const known = new Set(["name", ...(kind?.takes ?? PLACES).map((argument) => argument.name)]);
  return Object.entries(use).filter(([key]) => !known.has(key));
}

/** What is told of a step's arguments while they are folded up. */
export function summaryOf(use: Definition): string[] {
  return Object.entries(use).filter(([key, value]) => key !== "name" && value !== null).map(([key, value]) => (value === true ? key : `${key}: ${typeof value === "string" ? value : JSON.stringify(value)}`));
}
