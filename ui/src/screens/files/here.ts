/** The sites whose files the reader may look at: all of them, or those where a space of theirs lies. */
import { useQuery } from "@tanstack/react-query";
import { sitesQuery, spacesQuery, type Site, type Space } from "~/api/queries";
import { useMay } from "~/shell/rights";

export interface Here {
  name: string;
  /** What its nodes let be opened, by name; nothing where the reader sees spaces alone. */
  roots: Readonly<Record<string, string>>;
  /** Where ways down begin, by name. */
  tops: Readonly<Record<string, string>>;
  health: Site["health"] | undefined;
}

export const ofSite = ({ name, roots, health }: Pick<Site, "name" | "roots" | "health">): Here => ({ name, roots, tops: roots, health });

/** Sites as members know them: by what spaces they see there. */
export function ofSpaces(spaces: readonly Pick<Space, "name" | "site" | "path">[]): Here[] {
  const found = new Map<string, Record<string, string>>();
  for (const { name, site, path } of spaces) found.set(site, { ...found.get(site), [name]: path });
  return [...found].sort(([one], [other]) => (one < other ? -1 : 1)).map(([name, tops]) => ({ name, roots: {}, tops, health: undefined }));
}

interface Asked {
  sites: Here[] | undefined;
  spaces: readonly Space[] | undefined;
  error: Error | null;
  again: () => void;
}

export function useHere(): Asked {
  const all = useMay("read");
  const sites = useQuery({ ...sitesQuery, enabled: all });
  const spaces = useQuery(spacesQuery);
  const known = spaces.data?.results;
  return {
    sites: all ? sites.data?.results.map(ofSite) : known && ofSpaces(known),
    spaces: known,
    error: (all ? sites.error : null) ?? spaces.error,
    again: () => void (all && sites.refetch(), spaces.refetch()),
  };
}
