/** What is said of settings and webhooks: values in words, and a turn that somebody else took first. */
import type { Setting, Webhook } from "~/api/telling";
import { exact } from "~/format/numbers";

/** `keep_events_days` as people say it. */
export const titleOf = (name: string): string => {
  const said = name.replaceAll("_", " ");
  return said.charAt(0).toUpperCase() + said.slice(1);
};

/** A value with its unit; what nought means, where the setting says so. */
export function valueOf(setting: Pick<Setting, "description" | "unit">, value: Setting["value"]): string {
  if (typeof value === "string") return value;
  const none = /\b0: ([^.;,]+)/.exec(setting.description)?.[1];
  if (value === 0 && none) return titleOf(none);
  return [exact(value), value === 1 ? setting.unit.replace(/s$/, "") : setting.unit].filter(Boolean).join(" ");
}

/** What may be put there: `0 to 100,000 days`, or words. */
export const boundsOf = (setting: Setting): string =>
  setting.words ? setting.words.join(", ") : `${exact(setting.least ?? 0)} to ${exact(setting.most ?? 0)} ${setting.unit}`;

/** Whether a value may be put there. */
export function fits(setting: Setting, value: number | string): boolean {
  if (setting.words) return setting.words.includes(String(value));
  if (value === "") return false;
  return Number(value) >= (setting.least ?? 0) && Number(value) <= (setting.most ?? Infinity);
}

/** What was changed by others between two readings, in sentences. */
export function lost(seen: readonly Setting[], fresh: readonly Setting[]): string {
  const changed = fresh.filter((now) => {
    const then = seen.find((one) => one.name === now.name);
    return then?.value !== now.value || then.set_at !== now.set_at;
  });
  if (changed.length === 0) return "The settings were changed, and changed back, while this was open. Look again before you change this one.";
  const told = changed.map((one) => (one.set_by ? `${one.set_by} set ${titleOf(one.name).toLowerCase()} to ${valueOf(one, one.value)}` : `${titleOf(one.name)} was put back to ${valueOf(one, one.value)}`));
  return `${told.join(", and ")}, while this was open. Nothing of yours was changed yet: look again, and change it all the same if you still want to.`;
}

/** Of which events a webhook is told. */
export function wantsOf(hook: Pick<Webhook, "events" | "job_workflow">): string {
  const what = hook.events.length ? hook.events.join(", ") : "every event";
  return hook.job_workflow ? `${what}, of jobs of ${hook.job_workflow}` : what;
}

/** Kinds that are offered; the hub knows which there are, and says so of others. */
export const OFFERED: readonly string[] = ["job.*", "job.ended", "job.paused", "task.failed", "node.*", "site.*", "alert.*", "alert.raised", "alert.cleared", "report.refused"];
