/** How a key stands, and what rights mean. */
import type { Key, Right } from "~/api/people";
import type { Tone } from "~/parts/Tag";

/** A right, for whoever has not read the docs. */
export const MEANT: Readonly<Record<Right, string>> = {
  own: "look after one's own sessions, keys and password",
  read: "see jobs, paths, sites and targets, without anything secret",
  run: "start, pause, resume, cancel and retry jobs; pause and drain sites and nodes",
  administer: "change what others rely on: workflows, targets, limits, people and their keys",
};

/** What a key can be used for now. */
export function standingOf(key: Key, now: Date): { word: string; tone: Tone } {
  if (key.revoked_at) return { word: "Revoked", tone: "still" };
  if (!key.expires_at) return { word: "Never ends", tone: "warn" };
  const left = Date.parse(key.expires_at) - now.getTime();
  if (left <= 0) return { word: "Expired", tone: "still" };
  return left < 7 * 86_400_000 ? { word: "Ends soon", tone: "warn" } : { word: "Open", tone: "good" };
}

export const isOpen = (key: Key, now: Date): boolean => !key.revoked_at && (!key.expires_at || Date.parse(key.expires_at) > now.getTime());

/** What is wrong with a new password, before the hub is asked; undefined where nothing is. */
export function faultOf(password: string, again: string): string | undefined {
  if (password !== "" && password.length < 12) return `Expected 12 characters or more, found ${password.length}`;
  return again !== "" && again !== password ? "The two differ" : undefined;
}

/** The end of a key that is made now, so many days on; null for none. */
export function endAfter(days: string, now: Date): string | null {
  return days === "" ? null : new Date(now.getTime() + Number(days) * 86_400_000).toISOString();
}
