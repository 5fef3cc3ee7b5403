/** What a place of a definition takes, read from its JSON Schema: arguments, and how errors are borne. */
import { listOf, objectOf, type Definition } from "./definition";

export interface Argument {
  name: string;
  about: string;
  type: "boolean" | "integer" | "string";
  choices: readonly string[];
  /** What holds where nothing is said. */
  otherwise?: string | number | boolean;
  /** A field's value may be handed on to it. */
  handed: boolean;
}

/** Classes that an error may be given, by its name. */
export interface Classes {
  about: string;
  /** Names that are offered; the hub knows others. */
  names: readonly string[];
  classes: readonly { value: string; about: string }[];
}

/** What may be said of errors at a place; what its schema does not take is left out. */
export interface Bears {
  errors?: Classes;
  patience?: { about: string; takes: readonly Argument[] };
}

export const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** A part of a schema, or that to which it refers. */
export function resolved(schema: unknown, part: unknown): Definition {
  const said = objectOf(part);
  const reference = textOf(said.$ref);
  return reference.startsWith("#/") ? reference.slice(2).split("/").reduce((found, key) => objectOf(found[key]), objectOf(schema)) : said;
}

export function argumentOf(name: string, said: Definition): Argument {
  const shapes = said.anyOf === undefined ? [said] : listOf(said.anyOf).map(objectOf);
  const value = shapes[0] ?? {};
  const type = value.type === "boolean" || value.type === "integer" ? value.type : "string";
  const otherwise = said.default;
  return {
    name, about: textOf(said.description), type, choices: listOf(value.enum).map(textOf), handed: shapes.some((shape) => textOf(shape.pattern).startsWith("^\\*")),
    ...(typeof otherwise === "string" || typeof otherwise === "number" || typeof otherwise === "boolean" ? { otherwise } : {}),
  };
}

const argumentsOf = (properties: unknown): Argument[] => Object.entries(objectOf(properties)).map(([name, said]) => argumentOf(name, objectOf(said)));

function classesOf(said: Definition): Classes {
  const names = listOf(objectOf(said.propertyNames).anyOf).flatMap((one) => listOf(objectOf(one).enum));
  const classes = listOf(objectOf(said.additionalProperties).oneOf).map(objectOf).map((one) => ({ value: textOf(one.const), about: textOf(one.description) }));
  return { about: textOf(said.description), names: names.map(textOf).filter(Boolean), classes };
}

/** What the members of an object say that it takes of errors. */
export function bearsOf(schema: unknown, members: Definition): Bears {
  const bears: Bears = {};
  if (members.on_error !== undefined) bears.errors = classesOf(resolved(schema, members.on_error));
  const patience = resolved(schema, members.patience);
  if (members.patience !== undefined) bears.patience = { about: textOf(patience.description), takes: argumentsOf(patience.properties) };
  return bears;
}

/** The options of each discovery, by its name: those that hold where it is named. */
export function optionsOf(schema: unknown): Map<string, Argument[]> {
  const named = listOf(objectOf(schema).allOf).map(objectOf).map((one): [string, Argument[]] => {
    const when = objectOf(objectOf(objectOf(one.if).properties).discovery);
    const then = objectOf(objectOf(one.then).properties).discovery_options;
    return [textOf(when.const), argumentsOf(resolved(schema, then).properties)];
  });
  return new Map(named.filter(([name]) => name));
}
