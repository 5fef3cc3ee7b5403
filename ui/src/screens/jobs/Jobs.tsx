/** The list of jobs: any number of them, live, in place. */
import { Button, Checkbox, Group } from "@mantine/core";
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { asked, hub } from "~/api/client";
import { jobsQuery, PAGE, PULSE, someJobsQuery, type Job } from "~/api/queries";
import { isOver } from "~/api/states";
import { brief, count, plural } from "~/format/numbers";
import { refreshJobs } from "~/live/patches";
import { Bar } from "~/parts/Bar";
import { Page } from "~/parts/Page";
import { Bytes, Span, Time } from "~/parts/Shown";
import { Empty, Trouble, Waiting } from "~/parts/Standing";
import { StateBadge } from "~/parts/State";
import { AskButtons } from "./Ask";
import { Filters } from "./Filters";
import css from "./Jobs.module.css";
import { endedOf, partsOf } from "./progress";
import { askedOf, type JobsSearch } from "./search";

const HEIGHT = 44;
const HEADS = ["Job", "State", "Workflow", "Site", "By", "Paths", "Bytes", "Submitted", "Took"];

export function Jobs({ search, choose }: { search: JobsSearch; choose: (search: JobsSearch) => void }) {
  const wanted = askedOf(search);
  const stats = useQuery(someJobsQuery({ ...wanted, state: undefined, page_size: 1, stats: true }));
  const list = useInfiniteQuery(jobsQuery(wanted));
  const jobs = useMemo(() => list.data?.pages.flatMap((page) => page.results) ?? [], [list.data]);
  const all = search.state ? (stats.data?.stats?.state[search.state] ?? 0) : (stats.data?.count ?? 0);
  return (
    <Page title="Jobs" beside={stats.data && <span className="dim">{count(all)}</span>}>
      <Filters search={search} stats={stats.data?.stats} choose={choose} />
      <section className="panel" aria-label="Jobs" style={{ overflow: "hidden", position: "relative" }}>
        {list.isPending ? <Waiting rows={12} /> : list.error && !list.data ? <Trouble error={list.error} again={() => void list.refetch()} />
          : jobs.length === 0 ? <NoJobs filtered={Object.keys(search).length > 0} clear={() => choose({})} />
          : <Table jobs={jobs} search={search} more={list.hasNextPage ? () => void list.fetchNextPage() : undefined} fetching={list.isFetchingNextPage} />}
      </section>
    </Page>
  );
}

function NoJobs({ filtered, clear }: { filtered: boolean; clear: () => void }) {
  if (filtered) return <Empty icon="filter" title="No job fits these filters" action={<Button variant="default" size="xs" onClick={clear}>Clear all filters</Button>} />;
  return (
    <Empty icon="jobs" title="No job has run yet">
      A job is one run of a workflow over paths at a site. Start one from a shell:
      <pre className="mono">towpath run migrate --site SITE /path/at/the/site</pre>
    </Empty>
  );
}

/** Ids that are chosen, in the order in which they were. */
function useChosen(jobs: readonly Job[]) {
  const [ids, setIds] = useState<ReadonlySet<number>>(new Set());
  const last = useRef<number | undefined>(undefined);
  const toggle = (at: number, range: boolean): void => {
    const next = new Set(ids);
    const [from, to] = range && last.current !== undefined ? [Math.min(last.current, at), Math.max(last.current, at)] : [at, at];
    const job = jobs[at];
    const put = job !== undefined && !ids.has(job.id);
    for (const one of jobs.slice(from, to + 1)) put ? next.add(one.id) : next.delete(one.id);
    last.current = at;
    setIds(next);
  };
  return { ids, toggle, clear: () => setIds(new Set()), all: () => setIds(new Set(jobs.map((job) => job.id))) };
}

/** Reads the first page anew: what is newer comes in on top. */
function useFreshen(search: JobsSearch): () => Promise<void> {
  const client = useQueryClient();
  return useCallback(async () => {
    const first = await asked(hub.GET("/api/jobs/", { params: { query: { ...askedOf(search), page_size: PAGE } } }));
    client.setQueryData(jobsQuery(askedOf(search)).queryKey, { pages: [first], pageParams: [undefined] });
  }, [client, search]);
}

/** Whether jobs were submitted that are newer than the first that is shown; a filter may leave them out, so each is told once. */
function useNewer(first: number | undefined): [newer: boolean, seen: () => void] {
  const newest = useQuery<number>({ queryKey: ["jobs", "newest"], queryFn: () => 0, enabled: false, initialData: 0 });
  const [seen, setSeen] = useState(0);
  const see = useCallback(() => setSeen(newest.data), [newest.data]);
  return [first !== undefined && newest.data > Math.max(first, seen), see];
}

interface Rows {
  jobs: readonly Job[];
  search: JobsSearch;
  more: (() => void) | undefined;
  fetching: boolean;
}

function Table({ jobs, search, more, fetching }: Rows) {
  const frame = useRef<HTMLDivElement>(null);
  const chosen = useChosen(jobs);
  const rows = useVirtualizer({ count: jobs.length, getScrollElement: () => frame.current, estimateSize: () => HEIGHT, overscan: 12, scrollMargin: 0 });
  const shown = rows.getVirtualItems();
  const lowest = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && !fetching && lowest >= jobs.length - 30) more();
  }, [more, fetching, lowest, jobs.length]);
  usePulse(shown.map((row) => jobs[row.index]).filter((job) => job !== undefined));
  const read = useFreshen(search);
  const [newer, see] = useNewer(jobs[0]?.id);
  const freshen = useCallback(() => (see(), read().catch(() => undefined)), [see, read]);
  const atTop = (rows.scrollOffset ?? 0) < HEIGHT;
  useEffect(() => {
    // Where somebody reads or chooses, nothing moves; they are told that there is more.
    if (newer && atTop && chosen.ids.size === 0) void freshen();
  }, [newer, atTop, chosen.ids.size, freshen]);
  const picked = jobs.filter((job) => chosen.ids.has(job.id));
  return (
    <>
      {newer && !(atTop && chosen.ids.size === 0) && <Button className={css.pill} size="compact-sm" onClick={() => void freshen().then(() => rows.scrollToIndex(0))}>New jobs</Button>}
      <div ref={frame} className={css.table} role="table" aria-label="Jobs" aria-rowcount={jobs.length + 1} tabIndex={0}>
        <div role="rowgroup" className={css.headrow} style={{ height: 38 }}>
          {picked.length > 0 ? <Picked jobs={picked} clear={chosen.clear} all={jobs.length} /> : <Heads choose={chosen.all} />}
        </div>
        <div role="rowgroup" className={css.body} style={{ height: rows.getTotalSize(), position: "relative", minWidth: "68rem" }}>
          {shown.map((row) => {
            const job = jobs[row.index];
            return job && <Row key={job.id} job={job} index={row.index} last={row.index === jobs.length - 1} top={row.start} chosen={chosen.ids.has(job.id)} toggle={chosen.toggle} />;
          })}
        </div>
      </div>
    </>
  );
}

/** Jobs on the screen that run are looked at again and again; their counts are no events. */
function usePulse(visible: readonly Job[]): void {
  const client = useQueryClient();
  const ids = visible.filter((job) => !isOver(job.state)).map((job) => job.id).slice(0, PAGE).join(",");
  useQuery({
    queryKey: ["jobs", "pulse", ids],
    enabled: ids !== "",
    refetchInterval: PULSE,
    queryFn: async () => (await refreshJobs(client, ids.split(",").map(Number)), Date.now()),
  });
}

function Heads({ choose }: { choose: () => void }) {
  return (
    <div role="row" className={css.row} style={{ height: 38 }}>
      <span role="columnheader"><Checkbox size="xs" aria-label="Choose all that are shown" checked={false} onChange={choose} /></span>
      {HEADS.map((head) => <span role="columnheader" key={head} className={head === "Bytes" || head === "Took" ? "num" : undefined}>{head}</span>)}
    </div>
  );
}

function Picked({ jobs, clear, all }: { jobs: readonly Job[]; clear: () => void; all: number }) {
  return (
    <div role="row" className={`${css.headrow} ${css.chosen}`}>
      <span role="columnheader" style={{ display: "block" }}>
        <Group gap="xs" px="sm" h={38} wrap="nowrap">
          <Checkbox size="xs" aria-label="Choose none" checked indeterminate={jobs.length < all} onChange={clear} />
          <span>{plural(jobs.length, "job")} chosen</span>
          <AskButtons jobs={jobs} size="xs" after={clear} />
        </Group>
      </span>
    </div>
  );
}

interface One {
  job: Job;
  index: number;
  last: boolean;
  top: number;
  chosen: boolean;
  toggle: (at: number, range: boolean) => void;
}

function Row({ job, index, last, top, chosen, toggle }: One) {
  const ended = endedOf(job.totals);
  const nothing = job.totals.discovered === 0;
  return (
    <div role="row" className={css.row} aria-rowindex={index + 2} data-chosen={chosen} data-last={last || undefined} style={{ transform: `translateY(${top}px)` }} data-job={job.id}>
      <span role="cell"><Checkbox size="xs" aria-label={`Choose job ${job.id}`} checked={chosen} onChange={() => undefined} onClick={(event) => toggle(index, event.shiftKey)} /></span>
      <span role="cell"><Link to="/jobs/$job" params={{ job: String(job.id) }} search={{}}>{job.id}</Link></span>
      <span role="cell"><StateBadge state={job.state} /></span>
      <span role="cell" className="clip" title={job.workflow}>{job.workflow}{job.dry_run && <span className="dim"> dry run</span>}</span>
      <span role="cell" className="clip" title={job.site}>{job.site}</span>
      <span role="cell" className="clip" title={job.owner}>{job.owner}</span>
      <span role="cell" className={css.progress}>
        <Bar parts={partsOf(job.totals)} all={job.totals.discovered} label={`Paths of job ${job.id}`} />
        <span className="nowrap">{job.totals.failed > 0 && <span style={{ color: "var(--tow-bad)" }}>{brief(job.totals.failed)} failed · </span>}{nothing ? <span className="dim">{isOver(job.state) ? "none" : "none yet"}</span> : isOver(job.state) ? brief(job.totals.discovered) : `${brief(ended)} / ${brief(job.totals.discovered)}`}</span>
      </span>
      <span role="cell" className="num">{nothing ? <span className="dim">–</span> : <Bytes of={job.bytes_done} />}</span>
      <span role="cell"><Time at={job.created_at} /></span>
      <span role="cell" className="num"><Span from={job.started_at} to={job.ended_at} /></span>
    </div>
  );
}
