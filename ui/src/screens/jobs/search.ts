/** The filters of the list of jobs as they stand in the address. */
import { ALL_JOB_STATES, type JobState } from "~/api/states";
import type { JobsAsked } from "~/api/queries";

export interface JobsSearch {
  state?: JobState;
  site?: string;
  workflow?: string;
  queue?: string;
  owner?: string;
  space?: string;
  created_from?: string;
  created_to?: string;
  hide_noop?: boolean;
}

const TEXTS = ["site", "workflow", "queue", "owner", "space"] as const;
const DAYS = ["created_from", "created_to"] as const;

/** What an address says, as far as it can be understood. */
export function readSearch(said: Record<string, unknown>): JobsSearch {
  const search: JobsSearch = {};
  if (ALL_JOB_STATES.includes(said.state as JobState)) search.state = said.state as JobState;
  for (const name of TEXTS) {
    const value = said[name];
    if ((typeof value === "string" || typeof value === "number") && value !== "") search[name] = String(value);
  }
  for (const name of DAYS) if (typeof said[name] === "string" && /^\d{4}-\d\d-\d\d$/.test(said[name])) search[name] = said[name];
  if (said.hide_noop === true) search.hide_noop = true;
  return search;
}

export const askedOf = (search: JobsSearch): JobsAsked => search;

/** Views that somebody has kept in this browser. */
export interface View {
  name: string;
  search: JobsSearch;
}

const KEPT = "towpath.job-views";

export function readViews(store: Pick<Storage, "getItem"> = localStorage): View[] {
  try {
    const kept: unknown = JSON.parse(store.getItem(KEPT) ?? "[]");
    return Array.isArray(kept) ? kept.filter((view: Partial<View>) => typeof view?.name === "string").map((view: View) => ({ name: view.name, search: readSearch({ ...view.search }) })) : [];
  } catch {
    return [];
  }
}

export function keepViews(views: readonly View[], store: Pick<Storage, "setItem"> = localStorage): void {
  store.setItem(KEPT, JSON.stringify(views));
}
