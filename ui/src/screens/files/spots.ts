/** Where files can be looked at: the spaces and roots of all sites, as one list. */
import type { Site, Space } from "~/api/queries";

export interface Spot {
  site: string;
  name: string;
  kind: "space" | "root";
  path: string;
}

/** By site; in each, spaces before roots. */
export function placesOf(sites: readonly Pick<Site, "name" | "roots">[], spaces: readonly Pick<Space, "name" | "site" | "path">[]): Spot[] {
  const of = new Map<string, Spot[]>(sites.map((site) => [site.name, []]));
  for (const { name, site, path } of spaces) of.get(site)?.push({ site, name, kind: "space", path });
  for (const site of sites) for (const [name, path] of Object.entries(site.roots)) of.get(site.name)?.push({ site: site.name, name, kind: "root", path });
  return [...of.values()].flat();
}

/** Those with all these words in their name, site or directory. */
export function fitting(spots: readonly Spot[], words: string): readonly Spot[] {
  const parts = words.toLowerCase().split(/\s+/).filter(Boolean);
  return parts.length === 0 ? spots : spots.filter((spot) => parts.every((part) => `${spot.name} ${spot.site} ${spot.path}`.toLowerCase().includes(part)));
}

/** At most so many: the one that is meant, and the first of the others. */
export function few<T>(all: readonly T[], meant: T | undefined, most: number): T[] {
  const first = all.slice(0, most);
  return meant === undefined || first.includes(meant) ? first : [meant, ...first.slice(0, most - 1)];
}
