/** The questions that screens ask the hub: each with its key, so that live events find what they touch. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { asked, hub, Problem, useToken, type Schemas } from "./client";
import type { TaskState } from "./states";
import type { operations } from "./schema.gen";

export type Job = Schemas["Job"];
export type Jobs = Schemas["Jobs"];
export type Task = Schemas["Task"];
export type Step = Schemas["Step"];
export type Path = Schemas["Path"];
export type Site = Schemas["Site"];
/** A part of a list. */
export type PageOf<Row> = Omit<Jobs, "results" | "stats"> & { results: Row[] };
export type Me = Schemas["SessionNow"];
export type JobsAsked = Omit<NonNullable<operations["list_jobs"]["parameters"]["query"]>, "page" | "format" | "cursor">;
export type Outcome = NonNullable<NonNullable<operations["list_paths"]["parameters"]["query"]>["outcome"]>;

export const PAGE = 100;
/** Sites that the dashboard looks at. */
const SOME = 20;
/** Milliseconds between two looks at what moves without telling. */
export const PULSE = 2000;

/** The cursor of a page's `next`. */
export function cursorOf(next: string | null | undefined): string | undefined {
  return next ? (new URL(next, location.origin).searchParams.get("cursor") ?? undefined) : undefined;
}

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  staleTime: Infinity,
  queryFn: async ({ signal }): Promise<Me | null> => {
    try {
      const me = await asked(hub.GET("/api/auth/session/", { signal }));
      useToken(me.csrf_token);
      return me;
    } catch (error) {
      if (error instanceof Problem && error.status === 401) return null;
      throw error;
    }
  },
});

export const jobQuery = (id: number) =>
  queryOptions({
    queryKey: ["job", id],
    queryFn: ({ signal }) => asked(hub.GET("/api/jobs/{job_id}/", { params: { path: { job_id: id } }, signal })),
  });

export const stepsQuery = (id: number) =>
  queryOptions({
    queryKey: ["job", id, "steps"],
    queryFn: ({ signal }) => asked(hub.GET("/api/jobs/{job_id}/steps/", { params: { path: { job_id: id } }, signal })),
  });

export const wishesQuery = (id: number) =>
  queryOptions({
    queryKey: ["job", id, "wishes"],
    queryFn: ({ signal }) => asked(hub.GET("/api/jobs/{job_id}/wishes/", { params: { path: { job_id: id } }, signal })),
  });

/** Jobs of a list as the API gives them once, with the counts of the whole list. */
export const someJobsQuery = (wanted: JobsAsked) =>
  queryOptions({
    queryKey: ["jobs", "some", wanted],
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => asked(hub.GET("/api/jobs/", { params: { query: wanted }, signal })),
  });

/** The whole list, page behind page. */
export const jobsQuery = (wanted: JobsAsked) =>
  infiniteQueryOptions({
    queryKey: ["jobs", "list", wanted],
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last: PageOf<unknown>) => cursorOf(last.next),
    staleTime: Infinity,
    queryFn: ({ pageParam, signal }): Promise<Jobs> =>
      asked(
        hub.GET("/api/jobs/", {
          params: { query: { ...wanted, page_size: PAGE, cursor: pageParam, stats: pageParam === undefined } },
          signal,
        }),
      ),
  });

export const tasksQuery = (id: number, state?: TaskState) =>
  infiniteQueryOptions({
    queryKey: ["job", id, "tasks", state ?? ""],
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last: PageOf<unknown>) => cursorOf(last.next),
    queryFn: ({ pageParam, signal }): Promise<PageOf<Task>> =>
      asked(
        hub.GET("/api/jobs/{job_id}/tasks/", {
          params: { path: { job_id: id }, query: { state, page_size: PAGE, cursor: pageParam } },
          signal,
        }),
      ),
  });

export const pathsQuery = (id: number, outcome?: Outcome, task?: number) =>
  infiniteQueryOptions({
    queryKey: ["job", id, "paths", outcome ?? "", task ?? ""],
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last: PageOf<unknown>) => cursorOf(last.next),
    queryFn: ({ pageParam, signal }): Promise<PageOf<Path>> =>
      asked(
        hub.GET("/api/jobs/{job_id}/paths/", {
          params: { path: { job_id: id }, query: { outcome, task, page_size: PAGE, cursor: pageParam } },
          signal,
        }),
      ),
  });

export const taskQuery = (id: number) =>
  queryOptions({
    queryKey: ["task", id],
    queryFn: ({ signal }) => asked(hub.GET("/api/tasks/{task_id}/", { params: { path: { task_id: id } }, signal })),
  });

/** Sites with these words in their name, page behind page, those first that need somebody. */
export const sitesQuery = (search = "") =>
  infiniteQueryOptions({
    queryKey: ["sites", { search }],
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last: Schemas["Sites"]) => cursorOf(last.next),
    placeholderData: keepPreviousData,
    queryFn: ({ pageParam, signal }) => asked(hub.GET("/api/sites/", { params: { query: { search, sort: "health", page_size: PAGE, cursor: pageParam } }, signal })),
  });

/** The first of all sites, and how all of them stand. */
export const someSitesQuery = queryOptions({
  queryKey: ["sites", { some: true }],
  queryFn: ({ signal }) => asked(hub.GET("/api/sites/", { params: { query: { sort: "health", page_size: SOME, stats: true } }, signal })),
});

/** The first sites with these words in their name, by name: to choose from. */
export const siteNamesQuery = (search = "") =>
  queryOptions({
    queryKey: ["sites", { named: search }],
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => asked(hub.GET("/api/sites/", { params: { query: { search, page_size: PAGE } }, signal })),
  });

/** Workflows with these words in their name or label, page behind page. */
export const workflowsQuery = (search = "") =>
  infiniteQueryOptions({
    queryKey: ["workflows", { search }],
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last: Schemas["Workflows"]) => cursorOf(last.next),
    placeholderData: keepPreviousData,
    queryFn: ({ pageParam, signal }) => asked(hub.GET("/api/workflows/", { params: { query: { search, page_size: PAGE, cursor: pageParam } }, signal })),
  });

/** The first of them: to choose from. */
export const workflowNamesQuery = (search = "") =>
  queryOptions({
    queryKey: ["workflows", { named: search }],
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => asked(hub.GET("/api/workflows/", { params: { query: { search, page_size: PAGE } }, signal })),
  });

export type SpanAsked = "hour" | "day";
const DAY = 86_400_000;

/** What was done in the last hour, by the minute, or in the last day, by quarters of an hour. */
export const throughputQuery = (span: SpanAsked) =>
  queryOptions({
    queryKey: ["throughput", span],
    refetchInterval: span === "hour" ? 10_000 : 60_000,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      asked(hub.GET("/api/throughput/", { params: { query: span === "hour" ? {} : { since: new Date(Date.now() - DAY).toISOString(), step: 900 } }, signal })),
  });

export type File = Schemas["File"];
export type Space = Schemas["Space"];
export type Workflow = Schemas["Workflow"];
export const FILES_PAGE = 1000;

/** A path of a site, given as base64 of its bytes, and what lies in it, page behind page. A node looks, so nothing is read anew by itself. */
export const filesQuery = (site: string, path: string) =>
  infiniteQueryOptions({
    queryKey: ["files", site, path],
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last: Schemas["Files"]) => last.next ?? undefined,
    staleTime: Infinity,
    gcTime: 60_000,
    queryFn: ({ pageParam, signal }) =>
      asked(hub.GET("/api/sites/{site}/files/", { params: { path: { site }, query: { path_b64: path, after: pageParam, page_size: FILES_PAGE } }, signal })),
  });

export const spacesQuery = queryOptions({
  queryKey: ["spaces"],
  queryFn: ({ signal }) => asked(hub.GET("/api/spaces/", { signal })),
});

export const workflowQuery = (name: string) =>
  queryOptions({
    queryKey: ["workflows", name],
    queryFn: ({ signal }) => asked(hub.GET("/api/workflows/{name}/", { params: { path: { name } }, signal })),
  });

export const versionsQuery = (name: string) =>
  queryOptions({
    queryKey: ["workflows", name, "versions"],
    queryFn: ({ signal }) => asked(hub.GET("/api/workflows/{name}/versions/", { params: { path: { name } }, signal })),
  });

export const diffQuery = (name: string, old: number, fresh: number) =>
  queryOptions({
    queryKey: ["workflows", name, "diff", old, fresh],
    staleTime: Infinity,
    queryFn: ({ signal }) => asked(hub.GET("/api/workflows/{name}/diff/", { params: { path: { name }, query: { old, new: fresh } }, signal })),
  });

/** The JSON Schema of definitions, with the steps that this hub knows. */
export const definitionSchemaQuery = queryOptions({
  queryKey: ["definition-schema"],
  staleTime: 300_000,
  queryFn: ({ signal }) => asked(hub.GET("/api/workflows/schema/", { signal })),
});
