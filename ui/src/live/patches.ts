/** What live events change of what is known: jobs are read anew by their ids, in place, so that no row jumps. */
import type { InfiniteData, QueryClient } from "@tanstack/react-query";
import { asked, hub } from "~/api/client";
import type { Job, Jobs } from "~/api/queries";
import type { Event } from "./stream";

const AT_ONCE = 100;
/** What events tell of. The files that a screen shows are none of it: a node would have to look at them again. */
const TOLD: ReadonlySet<string> = new Set(["job", "jobs", "task", "sites", "alerts", "events", "throughput"]);
/** Milliseconds for which events are gathered: a thousand jobs that end at once are few questions. */
const GATHER = 300;
/** Milliseconds after which jobs that could not be read are asked for again. */
const AGAIN = 5_000;

/** The same pages with these jobs as they are now. */
export function withJobs(pages: InfiniteData<Jobs>, fresh: ReadonlyMap<number, Job>): InfiniteData<Jobs> {
  let changed = false;
  const put = (page: Jobs): Jobs => {
    if (!page.results.some((job) => fresh.has(job.id))) return page;
    changed = true;
    return { ...page, results: page.results.map((job) => fresh.get(job.id) ?? job) };
  };
  const next = pages.pages.map(put);
  return changed ? { ...pages, pages: next } : pages;
}

/** Which reading of each thing was begun last: answers may come in another order than they were asked for. */
export class Readings {
  private count = 0;
  private readonly newest = new Map<number, number>();

  /** Begin to read these; the reading's number. */
  begin(ids: readonly number[]): number {
    this.count += 1;
    for (const id of ids) this.newest.set(id, this.count);
    return this.count;
  }

  /** Those of a reading that ends which nobody has begun to read since. */
  end(reading: number, ids: readonly number[]): Set<number> {
    const ours = ids.filter((id) => this.newest.get(id) === reading);
    for (const id of ours) this.newest.delete(id);
    return new Set(ours);
  }
}

const readings = new Readings();

/** Read these jobs anew and put them wherever they are shown. */
export async function refreshJobs(client: QueryClient, ids: readonly number[]): Promise<void> {
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    const some = ids.slice(at, at + AT_ONCE);
    const reading = readings.begin(some);
    let found: readonly Job[] = [];
    try {
      found = (await asked(hub.GET("/api/jobs/", { params: { query: { id: some, page_size: AT_ONCE } } }))).results;
    } finally {
      const newest = readings.end(reading, some);
      found = found.filter((job) => newest.has(job.id));
    }
    const fresh = new Map(found.map((job) => [job.id, job]));
    client.setQueriesData<InfiniteData<Jobs>>({ queryKey: ["jobs", "list"] }, (old) => old && withJobs(old, fresh));
    for (const job of found) {
      if (client.getQueryData(["job", job.id])) client.setQueryData(["job", job.id], job);
    }
  }
}

/** The ids of jobs that some list shows. */
function shown(client: QueryClient): Set<number> {
  const lists = client.getQueriesData<InfiniteData<Jobs>>({ queryKey: ["jobs", "list"], type: "active" });
  return new Set(lists.flatMap(([, pages]) => pages?.pages.flatMap((page) => page.results.map((job) => job.id)) ?? []));
}

/** Directories that nobody looks at are read anew once somebody does: jobs may have changed what lies there. */
function forgetFiles(client: QueryClient): void {
  client.removeQueries({ queryKey: ["files"], type: "inactive" });
}

/** Takes events as they come, and changes what is known a little later, all at once. */
export function patching(client: QueryClient): (event: Event | "gap") => void {
  const jobs = new Set<number>();
  let sites = false;
  let alerts = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const settle = (): void => {
    timer = undefined;
    const ids = [...jobs];
    jobs.clear();
    for (const id of ids) void client.invalidateQueries({ queryKey: ["job", id] });
    if (ids.length) {
      void client.invalidateQueries({ queryKey: ["jobs", "some"] });
      void client.invalidateQueries({ queryKey: ["events"] });
      forgetFiles(client);
      const seen = shown(client);
      const some = ids.filter((id) => seen.has(id));
      refreshJobs(client, some).catch(() => {
        for (const id of some) jobs.add(id);
        timer ??= setTimeout(settle, AGAIN);
      });
    }
    if (sites) void client.invalidateQueries({ queryKey: ["sites"] });
    if (alerts) void client.invalidateQueries({ queryKey: ["alerts"] });
    sites = alerts = false;
  };
  return (event) => {
    if (event === "gap") {
      void client.invalidateQueries({ predicate: (query) => TOLD.has(String(query.queryKey[0])) });
      forgetFiles(client);
      return;
    }
    if (event.job !== null) jobs.add(event.job);
    else sites = true;
    if (event.kind.startsWith("alert.")) alerts = true;
    if (event.kind === "job.pending") client.setQueryData<number>(["jobs", "newest"], Math.max(event.job ?? 0, client.getQueryData<number>(["jobs", "newest"]) ?? 0));
    timer ??= setTimeout(settle, GATHER);
  };
}
