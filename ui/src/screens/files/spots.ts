/** Where files can be looked at: the spaces and roots of all sites, as one list. */
import type { Site, Space } from "~/api/queries";

export interface Spot {
  site: string;
  name: string;
  kind: "space" | "root";
  path: string;
}

/** Spaces with these words in their name, site or directory; behind them the roots of sites, which were found by the words already. */
export function placesOf(sites: readonly Pick<Site, "name" | "roots">[], spaces: readonly Pick<Space, "name" | "site" | "path">[], words = ""): Spot[] {
  const said = words.trim().toLowerCase();
  const fit = spaces.filter(({ name, site, path }) => `${name} ${site} ${path}`.toLowerCase().includes(said));
  return [
    ...fit.map(({ name, site, path }): Spot => ({ site, name, kind: "space", path })),
    ...sites.flatMap((site) => Object.entries(site.roots).map(([name, path]): Spot => ({ site: site.name, name, kind: "root", path }))),
  ];
}

/** At most so many: the one that is meant, and the first of the others. */
export function few<T>(all: readonly T[], meant: T | undefined, most: number): T[] {
  const first = all.slice(0, most);
  return meant === undefined || first.includes(meant) ? first : [meant, ...first.slice(0, most - 1)];
}
