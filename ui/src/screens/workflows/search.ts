/** What the address of a workflow says besides its name. */

export const TABS = ["rules", "fields", "versions"] as const;
export type Tab = (typeof TABS)[number];

export interface WorkflowSearch {
  tab?: Tab;
  /** The versions that are compared. */
  old?: number;
  new?: number;
}

export function readWorkflowSearch(said: Record<string, unknown>): WorkflowSearch {
  const search: WorkflowSearch = {};
  if (TABS.includes(said.tab as Tab)) search.tab = said.tab as Tab;
  for (const which of ["old", "new"] as const) {
    const value = Number(said[which]);
    if (Number.isSafeInteger(value) && value > 0) search[which] = value;
  }
  return search;
}

/** The two versions to compare: those that were asked for, else the newest and the one before it. */
export function pairOf(search: WorkflowSearch, versions: readonly { version: number }[]): { old: number; new: number } | undefined {
  const known = versions.map((one) => one.version).sort((one, other) => other - one);
  const fresh = search.new !== undefined && known.includes(search.new) ? search.new : known[0];
  const old = search.old !== undefined && known.includes(search.old) ? search.old : known.find((one) => fresh !== undefined && one < fresh);
  return fresh === undefined || old === undefined ? undefined : { old, new: fresh };
}

/** How a definition is shown in the editor. */
export type View = "form" | "code";

export interface EditSearch {
  view?: "code";
}

export const readEditSearch = (said: Record<string, unknown>): EditSearch => (said.view === "code" ? { view: "code" } : {});
