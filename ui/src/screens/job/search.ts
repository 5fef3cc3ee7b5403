/** What the address of a job says besides its number. */
import type { Outcome } from "~/api/queries";
import { ALL_TASK_STATES, type TaskState } from "~/api/states";

export const TABS = ["failed", "paths", "tasks", "nodes", "line", "with"] as const;
export type Tab = (typeof TABS)[number];
export const OUTCOMES = ["processed", "failed", "skipped", "aborted", "pending"] as const satisfies readonly Outcome[];

export interface JobSearch {
  tab?: Tab;
  outcome?: Outcome;
  state?: TaskState;
}

export function readJobSearch(said: Record<string, unknown>): JobSearch {
  const search: JobSearch = {};
  if (TABS.includes(said.tab as Tab)) search.tab = said.tab as Tab;
  if ((OUTCOMES as readonly unknown[]).includes(said.outcome)) search.outcome = said.outcome as Outcome;
  if (ALL_TASK_STATES.includes(said.state as TaskState)) search.state = said.state as TaskState;
  return search;
}
