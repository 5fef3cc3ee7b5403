/** The filters of the log as they stand in the address. */
import type { DeedsAsked } from "~/api/people";

export interface AuditSearch {
  by?: string;
  action?: string;
  thing?: string;
  /** Days in the reader's zone, both whole. */
  since?: string;
  until?: string;
}

const TEXTS = ["by", "action", "thing"] as const;
const DAYS = ["since", "until"] as const;

/** What an address says, as far as it can be understood. */
export function readAuditSearch(said: Record<string, unknown>): AuditSearch {
  const search: AuditSearch = {};
  for (const name of TEXTS) {
    const value = said[name];
    if ((typeof value === "string" || typeof value === "number") && value !== "") search[name] = String(value);
  }
  for (const name of DAYS) if (typeof said[name] === "string" && /^\d{4}-\d\d-\d\d$/.test(said[name])) search[name] = said[name];
  return search;
}

/** Midnight of a day where the reader is, so many days on. */
function midnight(day: string, on = 0): string {
  const [year = 0, month = 1, date = 1] = day.split("-").map(Number);
  return new Date(year, month - 1, date + on).toISOString();
}

export function deedsAskedOf(search: AuditSearch): DeedsAsked {
  return {
    by: search.by, action: search.action, thing: search.thing,
    since: search.since ? midnight(search.since) : undefined, until: search.until ? midnight(search.until, 1) : undefined,
  };
}

/** Where the hub gives every row that fits, one a line. */
export function exportUrl(search: AuditSearch): string {
  const query = new URLSearchParams({ format: "jsonl" });
  for (const [name, value] of Object.entries(deedsAskedOf(search))) if (value) query.set(name, value);
  return `/api/audit/?${query.toString()}`;
}

/** `pause_site` as people say it. */
export const said = (action: string): string => action.replaceAll("_", " ");

/** A body that was asked, laid out where it is JSON. */
export function laidOut(asked: string): string {
  try {
    return JSON.stringify(JSON.parse(asked), null, 2);
  } catch {
    return asked;
  }
}
