/** What the address of the files of a site says. */
import { parent, within } from "~/format/spelling";

export interface FilesSearch {
  /** The directory, spelled. */
  path?: string;
  /** The entry of it that is looked at, spelled: its name alone. */
  look?: string;
  /** The workflow that a job is made with; "" before one is chosen. */
  run?: string;
}

export function readFilesSearch(said: Record<string, unknown>): FilesSearch {
  const search: FilesSearch = {};
  if (typeof said.path === "string" && said.path.startsWith("/")) search.path = said.path;
  // A name like `2026` comes out of the address as a number.
  if ((typeof said.look === "string" || typeof said.look === "number") && said.look !== "") search.look = String(said.look);
  if (typeof said.run === "string") search.run = said.run;
  return search;
}

export interface Crumb {
  name: string;
  path: string;
}

/** The deepest root that a path lies in, and what leads from it to the path; none where it lies in no root. */
export function crumbsOf(path: string, roots: Readonly<Record<string, string>>): Crumb[] {
  const found = Object.entries(roots).filter(([, top]) => within(path, top)).sort(([, one], [, other]) => other.length - one.length)[0];
  if (!found) return [];
  const [name, top] = found;
  const crumbs: Crumb[] = [];
  for (let at = path.replace(/\/+$/, "") || "/"; at !== top.replace(/\/+$/, "") && at !== "/"; at = parent(at)) crumbs.unshift({ name: at.slice(at.lastIndexOf("/") + 1), path: at });
  return [{ name, path: top }, ...crumbs];
}
