/** What the screens read of a definition, which the hub has checked: its fields, rules and steps. */

export interface Field {
  name: string;
  label: string;
  type: "string" | "int" | "bool" | "choice" | "enum";
  default: string | number | boolean | null;
  required: boolean;
  choices: readonly string[];
}

export interface Use {
  name: string;
  site: string | null;
  queue: string | null;
  /** What it says beside its name and place. */
  said: readonly (readonly [string, unknown])[];
}

export interface Rule {
  type: string;
  state: string;
  include: readonly string[];
  exclude: readonly string[];
  action: readonly Use[];
}

export type Definition = Readonly<Record<string, unknown>>;

export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
export const objectOf = (value: unknown): Definition => (typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Definition) : {});
const textOf = (value: unknown, otherwise = ""): string => (typeof value === "string" ? value : otherwise);
export const textsOf = (value: unknown): readonly string[] => listOf(value).filter((one) => typeof one === "string");
const TYPES: readonly unknown[] = ["string", "int", "bool", "choice", "enum"];

export function fieldsOf(definition: Definition): Field[] {
  return listOf(definition.fields).map(objectOf).map((field) => ({
    name: textOf(field.name),
    label: textOf(field.label),
    type: TYPES.includes(field.type) ? (field.type as Field["type"]) : "string",
    default: ["string", "number", "boolean"].includes(typeof field.default) ? (field.default as Field["default"]) : null,
    required: field.required === true,
    choices: textsOf(field.choices),
  }));
}

export function rulesOf(definition: Definition): Rule[] {
  return listOf(definition.filter_rules).map(objectOf).map((rule) => ({
    type: textOf(rule.type, "all"),
    state: textOf(rule.state, "all"),
    include: textsOf(rule.include),
    exclude: textsOf(rule.exclude),
    action: listOf(rule.action).map(objectOf).map((use) => ({
      name: textOf(use.name),
      site: typeof use.site === "string" ? use.site : null,
      queue: typeof use.queue === "string" ? use.queue : null,
      said: Object.entries(use).filter(([key]) => !["name", "site", "queue"].includes(key)),
    })),
  }));
}

const WORDS: Readonly<Record<string, string>> = { file: "files", directory: "directories", folder: "directories", symlink: "symlinks", link: "symlinks", other: "other entries", all: "all entries" };

/** What a rule takes, in words: `files`, `created directories, of what no other rule took`. */
export function takes(rule: Pick<Rule, "type" | "state">): string {
  const what = WORDS[rule.type] ?? rule.type;
  if (rule.state === "all") return what;
  return rule.state === "default" ? `${what} that no other rule takes` : `${rule.state} ${what}`;
}

const FOUND_BY: Readonly<Record<string, string>> = { recursive: "a walk (recursive)", listing: "a target's list (listing)" };

/** What finds the paths, for people. */
export const foundBy = (discovery: string): string => FOUND_BY[discovery] ?? discovery;
