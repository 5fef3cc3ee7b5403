/** What is known of a site's files: summed up from what was counted in its spaces, and how much of it that is. */
import type { SpaceCounted } from "~/api/places";

export interface Held {
  files: number;
  folders: number;
  /** Files all of whose data is here, and those of which some is at a target only. */
  hydrated: number;
  dehydrated: number;
  /** Spaces that lie in no other of the site, and how many of these are in the sums, whole. */
  spaces: number;
  counted: number;
  /** When the oldest count that is in the sums ended; null: none is. */
  since: string | null;
  /** A walk counts now. */
  counting: boolean;
  /** Some paths could not be looked at. */
  partly: boolean;
}

/** Spaces that lie in others are counted with these, and by themselves only where these never were. */
export function heldOf(site: string, known: readonly SpaceCounted[]): Held {
  const mine = known.filter((one) => one.site === site);
  const outermost = mine.filter((one) => one.within === null);
  const counts = (one: SpaceCounted): SpaceCounted[] => (one.usage ? [one] : mine.filter((inner) => inner.within === one.name).flatMap(counts));
  const told = outermost.flatMap(counts);
  const sum = (of: "files" | "folders" | "hydrated_files" | "dehydrated_files"): number => told.reduce((all, one) => all + (one.usage?.[of] ?? 0), 0);
  return {
    files: sum("files"), folders: sum("folders"), hydrated: sum("hydrated_files"), dehydrated: sum("dehydrated_files"),
    spaces: outermost.length,
    counted: outermost.filter((one) => one.usage).length,
    since: told.map((one) => one.ended_at ?? "").sort()[0] ?? null,
    counting: mine.some((one) => one.job !== null),
    partly: told.some((one) => !one.complete),
  };
}

/** Why nothing is known, in a sentence. */
export function unknown(held: Held): string {
  if (held.counting) return "Files and folders: being counted";
  return held.spaces === 0 ? "Files and folders: not known, it has no space" : "Files and folders: not known, its spaces were never counted";
}
