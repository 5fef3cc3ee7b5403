/** What the dashboard derives from jobs and sites. */
import type { Job, Site } from "~/api/queries";
import type { JobState, TaskState } from "~/api/states";
import { count, plural } from "~/format/numbers";

export interface Line {
  key: string;
  mark: JobState | TaskState;
  title: string;
  why: string;
  job?: number;
}

/** What needs somebody, the worst first. */
export function attention(failed: readonly Job[], paused: readonly Job[], pending: readonly Job[], running: readonly Job[], sites: readonly Site[]): Line[] {
  const lines: Line[] = [];
  for (const site of sites) {
    if (site.health === "critical" && site.nodes.length > 0) lines.push({ key: `site ${site.name}`, mark: "FAILURE", title: `Site ${site.name} is not heard`, why: "None of its nodes is online: look at their machines, and at their way to the hub." });
    for (const hold of site.paused) lines.push({ key: `hold ${site.name} ${hold.queue}`, mark: "PAUSED", title: hold.queue ? `Queue ${hold.queue} of ${site.name} is paused` : `Site ${site.name} is paused`, why: `By ${hold.by}${hold.why ? `: ${hold.why}` : ""}` });
  }
  for (const job of failed) lines.push({ key: `job ${job.id}`, mark: "FAILURE", job: job.id, title: `${job.workflow} #${job.id} failed`, why: failure(job) });
  for (const job of [...running, ...pending]) if (job.waiting) lines.push({ key: `wait ${job.id}`, mark: "PENDING", job: job.id, title: `${job.workflow} #${job.id} waits`, why: job.waiting });
  for (const job of paused) lines.push({ key: `pause ${job.id}`, mark: "PAUSED", job: job.id, title: `${job.workflow} #${job.id} is paused`, why: `By ${job.wish_by ?? "somebody"}${job.wish_why ? `: ${job.wish_why}` : ""}` });
  return lines.slice(0, 12);
}

function failure(job: Job): string {
  const { failed, unknown, not_run: rest } = job.totals;
  const said = [failed && `${plural(failed, "path")} failed`, unknown && `${count(unknown)} unknown`, rest && `${count(rest)} not run`].filter(Boolean);
  return `At ${job.site}: ${said.join(", ") || "a task ended without outcomes"}.`;
}

export const sumOf = (jobs: readonly Job[], value: (job: Job) => number): number => jobs.reduce((sum, job) => sum + value(job), 0);

/** What the jobs that were submitted since then have done; `more` where the list goes on behind them. */
export function recent(jobs: readonly Job[], since: number): { jobs: number; paths: number; bytes: number; more: boolean } {
  const fit = jobs.filter((job) => Date.parse(job.created_at) >= since);
  return { jobs: fit.length, paths: sumOf(fit, (job) => job.totals.done), bytes: sumOf(fit, (job) => job.bytes_done), more: fit.length === jobs.length && jobs.length >= 100 };
}
