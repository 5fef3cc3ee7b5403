/** What the dashboard derives from jobs and sites. */
import type { Queues } from "~/api/places";
import type { Job, Site } from "~/api/queries";
import type { JobState, TaskState } from "~/api/states";
import type { Alert, AlertKind } from "~/api/telling";
import { count, plural } from "~/format/numbers";
import { KINDS, ledTo, worstFirst } from "../alerts/standing";

export interface Line {
  key: string;
  mark: JobState | TaskState;
  title: string;
  why: string;
  job?: number;
  alert?: AlertKind;
}

/** What the jobs and sites themselves tell. */
const TOLD: ReadonlySet<AlertKind> = new Set<AlertKind>(["site.offline", "job.failed", "job.not_started"]);
const upper = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** What needs somebody, the worst first. */
export function attention(failed: readonly Job[], paused: readonly Job[], pending: readonly Job[], running: readonly Job[], sites: readonly Site[], alerts: readonly Alert[] = []): Line[] {
  const lines: Line[] = [];
  for (const site of sites) {
    if (site.health === "critical" && site.nodes.length > 0) lines.push({ key: `site ${site.name}`, mark: "FAILURE", title: `Site ${site.name} is not heard`, why: "None of its nodes is online: look at their machines, and at their way to the hub." });
    for (const hold of site.paused) lines.push({ key: `hold ${site.name} ${hold.queue}`, mark: "PAUSED", title: hold.queue ? `Queue ${hold.queue} of ${site.name} is paused` : `Site ${site.name} is paused`, why: `By ${hold.by}${hold.why ? `: ${hold.why}` : ""}` });
  }
  for (const alert of worstFirst(alerts)) if (!alert.muted && !TOLD.has(alert.kind)) lines.push({ key: `alert ${alert.id}`, mark: alert.severity === "critical" ? "FAILURE" : "ERROR", alert: alert.kind, title: `${KINDS[alert.kind].title}: ${ledTo(alert.thing).word}`, why: upper(alert.sentence) });
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

/** How much waits in all, plainly. */
export const depthText = ({ waiting, running }: Pick<Queues, "waiting" | "running">): string =>
  waiting > 0 ? `${plural(waiting, "task")} ${waiting === 1 ? "waits" : "wait"}` : running > 0 ? "Nothing waits" : "Nothing waits, nothing runs";

export const sumOf = (jobs: readonly Job[], value: (job: Job) => number): number => jobs.reduce((sum, job) => sum + value(job), 0);
