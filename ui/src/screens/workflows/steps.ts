/** The steps that this hub knows and what each takes, read from the JSON Schema of definitions. */
import { listOf, objectOf, type Definition, type Field } from "./definition";
import { argumentOf, bearsOf, textOf, type Argument, type Bears } from "./shapes";

export interface StepKind {
  name: string;
  about: string;
  /** Its name, and the field's names for it. */
  names: readonly string[];
  takes: readonly Argument[];
  bears: Bears;
}

/** What a step says beside its arguments; where it runs is asked like one. */
const BESIDE = new Set(["name", "site", "queue", "on_error", "patience"]);
const PLACES: readonly Argument[] = [
  { name: "site", about: "another site than the job's", type: "string", choices: [], handed: true },
  { name: "queue", about: "a queue of its site", type: "string", choices: [], handed: true },
];

/** The steps of a schema, by name. */
export function stepsOf(schema: unknown): StepKind[] {
  const kinds = listOf(objectOf(objectOf(objectOf(schema).$defs).step).anyOf).map(objectOf);
  return kinds.filter((kind) => textOf(kind.title)).map((kind) => {
    const members = objectOf(kind.properties);
    const names = listOf(objectOf(members.name).enum).map(textOf);
    return { name: textOf(kind.title), about: textOf(kind.description), names, takes: [...Object.entries(members).filter(([key]) => !BESIDE.has(key)).map(([key, said]) => argumentOf(key, objectOf(said))), ...PLACES], bears: bearsOf(schema, members) };
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

/** What is said of errors that the form shows as such: what is no object is not. */
export function bornBy(bears: Bears, said: Definition): string[] {
  const plain = (key: string): boolean => said[key] === undefined || said[key] === null || objectOf(said[key]) === said[key];
  return [...(bears.errors && plain("on_error") ? ["on_error"] : []), ...(bears.patience && plain("patience") ? ["patience"] : [])];
}

/** What a step says besides what the form knows of it, such as arguments that it does not take. */
export function unknownOf(use: Definition, kind: StepKind | undefined): [string, unknown][] {
  const known = new Set(["name", ...(kind?.takes ?? PLACES).map((argument) => argument.name), ...bornBy(kind?.bears ?? {}, use)]);
  return Object.entries(use).filter(([key]) => !known.has(key));
}

/** What is told of a step's arguments while they are folded up. */
export function summaryOf(use: Definition): string[] {
  const spelled = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));
  const said = ([key, value]: [string, unknown]): string[] => (objectOf(value) === value ? Object.entries(value).map(([name, own]) => `${name}: ${spelled(own)}`) : [value === true ? key : `${key}: ${spelled(value)}`]);
  return Object.entries(use).filter(([key, value]) => key !== "name" && value !== null).flatMap(said);
}
