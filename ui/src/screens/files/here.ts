/** The sites whose files the reader may look at: all of them, or those where a space of theirs lies. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { Problem } from "~/api/client";
import { siteQuery } from "~/api/places";
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
  spaces: readonly Space[] | undefined;
  error: Error | null;
  again: () => void;
}

/** One of them; null where there is none of that name, or none that the reader may see. */
export function useHere(name: string): Asked & { here: Here | null | undefined } {
  const all = useMay("read");
  const site = useQuery({ ...siteQuery(name), enabled: all });
  const spaces = useQuery(spacesQuery);
  const known = spaces.data?.results;
  const gone = site.error instanceof Problem && site.error.status === 404;
  return {
    here: !all ? known && (ofSpaces(known).find((one) => one.name === name) ?? null) : site.data && !gone ? ofSite(site.data) : gone ? null : undefined,
    spaces: known,
    error: (all && !gone ? site.error : null) ?? spaces.error,
    again: () => void (all && site.refetch(), spaces.refetch()),
  };
}

interface Many extends Asked {
  sites: Here[] | undefined;
  /** How many there are, those included that were not read yet. */
  count: number;
  more: (() => void) | undefined;
  busy: boolean;
}

/** Those with these words in their name, as far as they were read. */
export function usePlaces(words: string): Many {
  const all = useMay("read");
  const list = useInfiniteQuery({ ...sitesQuery(words), enabled: all });
  const spaces = useQuery(spacesQuery);
  const known = spaces.data?.results;
  const sites = useMemo(() => (all ? list.data?.pages.flatMap((page) => page.results.map(ofSite)) : known && ofSpaces(known)), [all, list.data, known]);
  return {
    sites,
    count: all ? (list.data?.pages[0]?.count ?? 0) : (sites?.length ?? 0),
    spaces: known,
    error: (all ? list.error : null) ?? spaces.error,
    again: () => void (all && list.refetch(), spaces.refetch()),
    more: list.hasNextPage ? () => void list.fetchNextPage() : undefined,
    busy: list.isFetchingNextPage,
  };
}
