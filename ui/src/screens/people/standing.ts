/** How a user stands, and who is found by words. */
import type { Group, Role, User } from "~/api/people";
import type { Tone } from "~/parts/Tag";

export const ROLES: readonly Role[] = ["member", "viewer", "operator", "administrator"];

export const ROLE_MEANT: Readonly<Record<Role, string>> = {
  member: "what their groups may in spaces, and nothing else",
  viewer: "see everything but people",
  operator: "run, pause and cancel jobs, and look after sites",
  administrator: "everything",
};

/** Whether, and by what, somebody is kept out. */
export function standingOf(user: User, now: Date): { word: string; tone: Tone } {
  if (user.disabled) return { word: "Blocked", tone: "still" };
  if (user.locked_until && Date.parse(user.locked_until) > now.getTime()) return { word: "Locked out", tone: "bad" };
  return user.has_password ? { word: "Active", tone: "good" } : { word: "No password", tone: "warn" };
}

/** What a group may where, in one line. */
export const grantsOf = (group: Group): string => Object.entries(group.spaces).map(([space, right]) => `${right}s ${space}`).join(", ");

/** Where a one-time link leads. */
export const linkOf = (origin: string, code: string): string => `${origin}/welcome#${code}`;

export function fits(words: string, ...texts: readonly string[]): boolean {
  const wanted = words.trim().toLowerCase();
  return texts.some((text) => text.toLowerCase().includes(wanted));
}
