/** What screens ask about places: sites, their nodes and tokens, targets, buckets, spaces. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { asked, hub, type Schemas } from "./client";

export type Node = Schemas["Node"];
export type Paused = Schemas["Paused"];
export type JoinToken = Schemas["JoinToken"];
export type Target = Schemas["Target"];
export type Bucket = Schemas["Bucket"];
export type Objects = Schemas["Objects"];
export type Queue = Schemas["Queue"];
export type Queues = Schemas["Queues"];
export type Space = Schemas["Space"];
export type SpaceCounted = Schemas["SpaceCounted"];

/** Objects of a target that are asked for at once. */
const OBJECTS = 200;

export const siteQuery = (name: string) =>
  queryOptions({
    queryKey: ["sites", name],
    queryFn: ({ signal }) => asked(hub.GET("/api/sites/{name}/", { params: { path: { name } }, signal })),
  });

/** The queues with something to do, of all sites or of one, those on which most waits first: so many of them, or all. */
export const queuesQuery = (site?: string, most?: number) =>
  queryOptions({
    queryKey: ["sites", { queues: site ?? "", most }],
    refetchInterval: 5_000,
    queryFn: ({ signal }) => asked(hub.GET("/api/queues/", { params: { query: { site, page_size: most } }, signal })),
  });

export const tokensQuery = (site: string) =>
  queryOptions({
    queryKey: ["sites", site, "tokens"],
    queryFn: ({ signal }) => asked(hub.GET("/api/join/tokens/", { params: { query: { site } }, signal })),
  });

export const targetsQuery = queryOptions({
  queryKey: ["targets"],
  queryFn: ({ signal }) => asked(hub.GET("/api/targets/", { signal })),
});

export const targetQuery = (name: string) =>
  queryOptions({
    queryKey: ["targets", name],
    queryFn: ({ signal }) => asked(hub.GET("/api/targets/{name}/", { params: { path: { name } }, signal })),
  });

export const bucketsQuery = queryOptions({
  queryKey: ["buckets"],
  queryFn: ({ signal }) => asked(hub.GET("/api/buckets/", { signal })),
});

export const spacesQuery = queryOptions({
  queryKey: ["spaces"],
  queryFn: ({ signal }) => asked(hub.GET("/api/spaces/", { signal })),
});

/** What was last counted in each space; nothing is walked for it. */
export const countedQuery = queryOptions({
  queryKey: ["spaces", "usage"],
  staleTime: 30_000,
  queryFn: ({ signal }) => asked(hub.GET("/api/spaces/usage/", { signal })),
});

/** What stands at a target, part behind part, as a node of the site sees it. */
export const objectsQuery = (name: string, prefix: string, site?: string) =>
  infiniteQueryOptions({
    queryKey: ["targets", name, "objects", prefix, site ?? ""],
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last: Objects) => last.next ?? undefined,
    queryFn: ({ pageParam, signal }): Promise<Objects> =>
      asked(
        hub.GET("/api/targets/{name}/objects/", {
          params: { path: { name }, query: { prefix: prefix || undefined, after: pageParam, page_size: OBJECTS, site } },
          signal,
        }),
      ),
  });
