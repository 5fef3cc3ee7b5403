/** Which rule takes a path: what is asked of the hub, and how its answer is told. */
import { queryOptions, keepPreviousData } from "@tanstack/react-query";
import { asked, hub, type Schemas } from "~/api/client";
import { base64Of } from "~/format/paths";
import { unspelled } from "~/format/spelling";
import { listOf, type Definition } from "./definition";

export type Said = Schemas["RuleSaid"];
export type Sorted = Schemas["PathSorted"];

/** A path that is tried; `site` "" is a path beneath any root, `type` "" what a node of the site finds. */
export interface Tried {
  path: string;
  type: "" | "file" | "directory" | "symlink" | "other";
  state: string;
  site: string;
}

export const NOTHING: Tried = { path: "", type: "", state: "", site: "" };

const TAKING: readonly string[] = ["type", "state", "include", "exclude"];

/** Of a definition, what says which rule takes a path: the answer changes with nothing else. */
export function taking(definition: Definition): Definition {
  const rules = listOf(definition.filter_rules).map((rule) => (typeof rule === "object" && rule !== null ? Object.fromEntries(Object.entries(rule).filter(([key]) => TAKING.includes(key))) : rule));
  return { ...("discovery" in definition ? { discovery: definition.discovery } : {}), filter_rules: Array.isArray(definition.filter_rules) ? rules : definition.filter_rules };
}

/** What is wrong with a path before the hub is asked. */
export function amiss(tried: Tried): string | undefined {
  if (tried.site && !tried.path.startsWith("/")) return "Expected a path from / on, as it is at the site";
  return undefined;
}

export const whichQuery = (definition: Definition | undefined, tried: Tried) =>
  queryOptions({
    queryKey: ["which", definition, tried],
    enabled: definition !== undefined && tried.path !== "" && amiss(tried) === undefined,
    placeholderData: keepPreviousData,
    gcTime: 10_000,
    retry: false,
    queryFn: async ({ signal }): Promise<Sorted | undefined> => {
      const path = { path_b64: base64Of(unspelled(tried.path)), type: tried.type || null, state: tried.state } as Schemas["PathTried"];
      const body = { definition, paths: [path], ...(tried.site ? { site: tried.site } : {}) };
      return (await asked(hub.POST("/api/workflows/which-rule/", { body: body as never, signal }))).results[0];
    },
  });

/** Why a rule does or does not take it, in a few words beside the rule. */
export function reason(said: Said, tried: Pick<Sorted, "type" | "state">): string {
  const type = { file: "files", directory: "directories", symlink: "symlinks", other: "other entries" }[tried.type];
  switch (said.why) {
    case "takes": return said.glob ? `Takes it: it is like ${said.glob}` : "Takes it";
    case "type": return `Takes no ${type}`;
    case "state": return tried.state ? `Takes none of state ${tried.state}` : "Takes none without a state";
    case "include": return "None of its globs is like it";
    case "exclude": return `Leaves out what is like ${said.glob ?? ""}`;
    case "earlier": return "Would take it, but is asked later";
  }
}
