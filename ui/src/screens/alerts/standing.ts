/** What is said of alerts: each kind in words with what to do, where it leads, and which is the worst. */
import type { Alert, AlertKind, AlertRule, AlertsAsked, Mute, Notice, Severity } from "~/api/telling";
import { count } from "~/format/numbers";
import { duration } from "~/format/times";
import type { Tone } from "~/parts/Tag";

/** A kind that the contract has, and no words here, does not compile. */
export const KINDS: Readonly<Record<AlertKind, { title: string; does: string }>> = {
  "site.offline": { title: "Site not heard", does: "Look whether its machines run and reach the hub. Its jobs wait, and go on by themselves once a node is heard." },
  "node.offline": { title: "Node not heard", does: "Look at its machine. If it is not to come back, remove the node; others of its site go on meanwhile." },
  "job.not_started": { title: "Job has not begun", does: "The sentence says what it waits for: slots, a node that serves its queue, or a pause somewhere." },
  "job.stalled": { title: "Job comes no further", does: "Look at its running tasks and at the node that has them: a target, or a file system, may hang." },
  "job.failing": { title: "Many paths fail", does: "Read the reasons on the job's page. Pause it if all share one; the paths can be retried once it is mended." },
  "job.failed": { title: "Job failed", does: "Read the reasons on the job's page, mend their cause, then retry what failed." },
  "disk.high": { title: "Disk nearly full", does: "Migrate or delete what is not needed there, or give it more room." },
  "certificate.ending": { title: "Certificate ends", does: "Renew the hub's certificate, and restart that hub." },
  "report.refused": { title: "Report set aside", does: "The hub could not apply what a node said, and its task failed. Retry the job, and tell the developers." },
};

export const ALL_KINDS = Object.keys(KINDS) as AlertKind[];
export const SEVERITIES: readonly Severity[] = ["info", "warning", "critical"];

const TONES: Readonly<Record<Severity, Tone>> = { info: "busy", warning: "warn", critical: "bad" };
const WORDS: Readonly<Record<Severity, string>> = { info: "Info", warning: "Warning", critical: "Critical" };

export const severityOf = (severity: Severity): { tone: Tone; word: string } => ({ tone: TONES[severity], word: WORDS[severity] });

const rank = (alert: Alert): number => SEVERITIES.indexOf(alert.severity);

/** The gravest first, and of these the newest; what is muted comes last. */
export const worstFirst = (alerts: readonly Alert[]): Alert[] => [...alerts].sort((a, b) => Number(a.muted !== null) - Number(b.muted !== null) || rank(b) - rank(a) || b.id - a.id);

/** How all stands in a few words: `2 critical, 1 warning`; what is muted is told of nobody, and counts apart. */
export function summary(alerts: readonly Alert[]): { tone: Tone; word: string } {
  const loud = alerts.filter((alert) => !alert.muted);
  if (loud.length === 0) return { tone: "good", word: alerts.length ? `All muted (${alerts.length})` : "All is well" };
  const said = [...SEVERITIES].reverse().map((severity) => [severity, loud.filter((alert) => alert.severity === severity).length] as const).filter(([, number]) => number > 0);
  return { tone: TONES[said[0]?.[0] ?? "info"], word: said.map(([severity, number]) => `${number} ${severity}`).join(", ") };
}

/** What an alert is of, and the screen that shows it. */
export type Led = { word: string; to: "site"; site: string } | { word: string; to: "job"; job: string } | { word: string; to: null };

export function ledTo(thing: string): Led {
  const [what, one = "", ...rest] = thing.split("/");
  const name = rest.join("/");
  if (what === "job") return { word: `Job ${one}`, to: "job", job: one };
  if (what === "site") return { word: `Site ${one}`, to: "site", site: one };
  if (what === "node") return { word: `Node ${name} of ${one}`, to: "site", site: one };
  if (what === "root") return { word: `Root ${name} of ${one}`, to: "site", site: one };
  if (what === "hub") return { word: `Hub ${[one, ...rest].join("/")}`, to: null };
  return { word: thing, to: null };
}

/** A threshold with its unit: `2 min`, `90 %`, `14 days`. */
export function thresholdOf(value: number, unit: AlertRule["unit"]): string {
  if (unit === "seconds") return duration(value * 1000);
  return unit === "percent" ? `${count(value)} %` : `${count(value)} ${value === 1 ? "day" : "days"}`;
}

/** Of which alerts a mute tells nobody. */
export function mutedBy(mute: Pick<Mute, "kind" | "thing">): string {
  if (!mute.kind && !mute.thing) return "All alerts";
  const what = mute.kind ? KINDS[mute.kind].title : "Anything";
  return mute.thing ? `${what}: ${ledTo(mute.thing).word}` : `${what}, wherever it is`;
}

const SENT: Readonly<Record<Notice["state"], { tone: Tone; word: string }>> = {
  delivered: { tone: "good", word: "Delivered" },
  waiting: { tone: "busy", word: "Waiting" },
  "given up": { tone: "bad", word: "Given up" },
};

/** How something that was to be sent stands; what failed and is tried again is no longer only waiting. */
export const sentOf = (one: { state: Notice["state"]; attempts: number }): { tone: Tone; word: string } =>
  one.state === "waiting" && one.attempts > 0 ? { tone: "warn", word: "Tried again" } : SENT[one.state];

export const TABS = ["standing", "history", "rules", "mutes", "destinations"] as const;
export type AlertsTab = (typeof TABS)[number];

export interface AlertsSearch extends AlertsAsked {
  tab?: AlertsTab;
}

/** What an address says, as far as it can be understood. */
export function readAlertsSearch(said: Record<string, unknown>): AlertsSearch {
  const search: AlertsSearch = {};
  const tab = TABS.find((one) => one === said.tab);
  if (tab && tab !== "standing") search.tab = tab;
  const kind = ALL_KINDS.find((one) => one === said.kind);
  if (kind) search.kind = kind;
  if ((typeof said.site === "string" || typeof said.site === "number") && said.site !== "") search.site = String(said.site);
  return search;
}
