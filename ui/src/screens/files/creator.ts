/** What a job is made of: the values of a form, and the submission that comes of them. */
import type { Schemas } from "~/api/client";
import type { Step } from "~/api/queries";
import type { Field } from "../workflows/definition";

export type Values = Readonly<Record<string, string | boolean>>;
export type Submission = Omit<Schemas["Submission"], "discovery" | "queue" | "priority" | "paths_per_task" | "dry_run" | "fields"> & Partial<Schemas["Submission"]>;

/** How it runs, besides what its workflow asks. */
export interface Manner {
  queue: string;
  priority: string;
  maxTasks: string;
}

export const PLAIN: Manner = { queue: "", priority: "", maxTasks: "" };

/** The form as it is before anybody has touched it. */
export function blank(fields: readonly Field[]): Values {
  return Object.fromEntries(fields.map((field) => [field.name, field.type === "bool" ? field.default === true : field.default === null ? "" : String(field.default)]));
}

const WHOLE = /^-?\d{1,15}$/;

/** What is wrong with the form, by field: `expected …, found …`. The hub has the last word. */
export function faultsOf(fields: readonly Field[], values: Values): Record<string, string> {
  const faults: Record<string, string> = {};
  for (const field of fields) {
    const value = values[field.name];
    if (value === "" || value === undefined) {
      if (field.required) faults[field.name] = "Expected a value, found none";
    } else if (field.type === "int" && !WHOLE.test(String(value))) faults[field.name] = `Expected a whole number, found '${value}'`;
  }
  return faults;
}

/** What goes with the submission: what differs from what the workflow says itself. */
export function given(fields: readonly Field[], values: Values): Record<string, string | number | boolean> {
  const said: Record<string, string | number | boolean> = {};
  const before = blank(fields);
  for (const field of fields) {
    const value = values[field.name];
    if (value === undefined || value === "" || (value === before[field.name] && !field.required)) continue;
    said[field.name] = field.type === "int" ? Number(value) : value;
  }
  return said;
}

export function submissionOf(workflow: string, site: string, paths: readonly { path_b64: string }[], fields: Record<string, string | number | boolean>, manner: Manner): Submission {
  const number = (text: string): number | undefined => (WHOLE.test(text) ? Number(text) : undefined);
  return {
    workflow,
    site,
    paths: paths.map((path) => ({ path_b64: path.path_b64, state: "" }) as Schemas["PathAsked"]),
    fields,
    ...(manner.queue ? { queue: manner.queue } : {}),
    ...(number(manner.priority) === undefined ? {} : { priority: number(manner.priority) }),
    ...(number(manner.maxTasks) === undefined ? {} : { max_tasks: number(manner.maxTasks) }),
  };
}

/** The steps of a dry run, rule by rule in the order of their chains; discovery apart. */
export function foreseen(steps: readonly Step[]): Step[] {
  return steps.filter((step) => step.position >= 0 && step.reached > 0).sort((one, other) => one.rule - other.rule || one.position - other.position);
}

/** The same words for the same order: sent twice because nobody knows whether the first came, it is one job. */
export function keyed(make: () => string): { of: (body: unknown) => string; spent: () => void } {
  let last = "";
  let key = "";
  return {
    of: (body) => {
      const text = JSON.stringify(body);
      if (text !== last || !key) [last, key] = [text, make()];
      return key;
    },
    spent: () => void (key = ""),
  };
}

/** A key that nobody guesses; `randomUUID` is there only where the page came by https. */
export const fresh = (): string => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
