/** How far a job is, from its totals. */
import type { Job } from "~/api/queries";
import type { Part } from "~/parts/Bar";

export function partsOf(totals: Job["totals"]): Part[] {
  return [
    { of: totals.done, tone: "good", name: "done" },
    { of: totals.failed, tone: "bad", name: "failed" },
    { of: totals.unknown, tone: "warn", name: "unknown" },
    { of: totals.skipped + totals.aborted, tone: "busy", name: "skipped or aborted" },
    { of: totals.not_run, tone: "still", name: "not run" },
  ];
}

/** Paths whose end is known. */
export const endedOf = (totals: Job["totals"]): number =>
  totals.done + totals.failed + totals.skipped + totals.aborted + totals.not_run + totals.unknown;
