/** The first screen: what runs, what needs somebody, and how the sites are; each line leads on. */
import { Group, SimpleGrid, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { PULSE, someJobsQuery, someSitesQuery, throughputQuery, type Job, type Jobs, type Site } from "~/api/queries";
import type { JobState } from "~/api/states";
import { standingQuery } from "~/api/telling";
import { brief, byteRate, bytes, count, plural } from "~/format/numbers";
import { useRate } from "~/live/rates";
import { Bar } from "~/parts/Bar";
import { Page, Panel } from "~/parts/Page";
import { Time } from "~/parts/Shown";
import { Empty, Trouble, Waiting } from "~/parts/Standing";
import { StateBadge, StateMark } from "~/parts/State";
import { endedOf, partsOf } from "../jobs/progress";
import { useMay } from "~/shell/rights";
import css from "./Dashboard.module.css";
import { Queues } from "./Queues";
import { attention, sumOf } from "./standing";
import { rateText } from "./series";
import { Throughput } from "./Throughput";

const live = (state: JobState) => ({ ...someJobsQuery({ state, page_size: 20 }), refetchInterval: PULSE });

export function Dashboard() {
  const all = useQuery(someJobsQuery({ page_size: 100, stats: true }));
  const started = useQuery(live("STARTED"));
  const failed = useQuery(someJobsQuery({ state: "FAILURE", page_size: 8 }));
  const paused = useQuery(someJobsQuery({ state: "PAUSED", page_size: 8 }));
  const pending = useQuery(live("PENDING"));
  const sites = useQuery({ ...someSitesQuery, refetchInterval: 10_000 });
  const alerts = useQuery({ ...standingQuery, enabled: useMay("read") }).data?.results.filter((alert) => !alert.muted) ?? [];
  if (all.error && !all.data) return <Page title="Dashboard"><Trouble error={all.error} again={() => void all.refetch()} /></Page>;
  const running = started.data?.results ?? [];
  return (
    <Page title="Dashboard">
      <Figures all={all.data} running={running} at={started.dataUpdatedAt} slots={sites.data?.stats?.running} />
      <div className={css.columns}>
        <div className={css.column}>
          <Panel title="Running" actions={<Link to="/jobs" search={{ state: "STARTED" }}>All that run</Link>}>
            {started.isPending ? <Waiting rows={3} /> : <Running jobs={running} at={started.dataUpdatedAt} empty={all.data?.count === 0} />}
          </Panel>
          <Queues />
          <Throughput />
          <Panel title="Latest jobs" actions={<Link to="/jobs" search={{}}>All jobs</Link>}>
            {all.isPending ? <Waiting rows={6} /> : <Latest jobs={all.data?.results.slice(0, 8) ?? []} />}
          </Panel>
        </div>
        <div className={css.column}>
          <Panel title="Needs attention" actions={alerts.length > 0 && <Link to="/alerts" search={{}}>{plural(alerts.length, "alert")}</Link>}>
            {failed.isPending || sites.isPending ? <Waiting rows={3} /> : <Attention lines={attention(failed.data?.results ?? [], paused.data?.results ?? [], pending.data?.results ?? [], running, sites.data?.results ?? [], alerts)} />}
          </Panel>
          <Panel title="Sites" actions={<Link to="/sites" search={{}}>All sites</Link>}>
            {sites.isPending ? <Waiting rows={3} /> : sites.error && !sites.data ? <Trouble error={sites.error} /> : <Sites sites={sites.data.results} all={sites.data.count} />}
          </Panel>
        </div>
      </div>
    </Page>
  );
}

function Figures({ all, running, at, slots }: { all: Jobs | undefined; running: readonly Job[]; at: number; slots: number | undefined }) {
  const paths = useRate(sumOf(running, (job) => endedOf(job.totals)), at);
  const moved = useRate(sumOf(running, (job) => job.bytes_done), at);
  const state = all?.stats?.state;
  const day = useQuery(throughputQuery("day")).data;
  return (
    <SimpleGrid cols={{ base: 2, md: 4 }} spacing="md">
      <Figure name="Running jobs" value={state ? brief(state.STARTED ?? 0) : "–"} note={slots === undefined ? "…" : `${plural(slots, "task")} on nodes now`} />
      <Figure name="Waiting jobs" value={state ? brief(state.PENDING ?? 0) : "–"} note={`${brief(state?.PAUSED ?? 0)} paused`} />
      <Figure name="Throughput now" value={running.length && moved !== undefined ? byteRate(moved) : running.length ? "…" : byteRate(0)} note={rateText("done", running.length ? (paths ?? 0) : 0)} />
      <Figure name="Last 24 hours" value={day ? bytes(day.bytes) : "–"} note={day ? `${plural(day.done, "path")}${day.failed ? `, ${count(day.failed)} failed` : ""}` : "…"} />
    </SimpleGrid>
  );
}

function Figure({ name, value, note }: { name: string; value: string; note: string }) {
  return (
    <div className={`panel ${css.figure}`}>
      <span className="dim">{name}</span><strong>{value}</strong><span className="dim">{note}</span>
    </div>
  );
}

function Running({ jobs, at, empty }: { jobs: readonly Job[]; at: number; empty: boolean }) {
  if (jobs.length === 0) {
    return empty ? <Empty icon="jobs" title="No job has run yet">Start one from a shell: <span className="mono">towpath run migrate --site SITE PATH</span></Empty>
      : <Empty icon="check" title="Nothing runs">Jobs that run are shown here with their progress and rate.</Empty>;
  }
  return <ul className={css.list}>{jobs.map((job) => <RunningJob key={job.id} job={job} at={at} />)}</ul>;
}

function RunningJob({ job, at }: { job: Job; at: number }) {
  const moved = useRate(job.bytes_done, at);
  const ended = endedOf(job.totals);
  return (
    <li>
      <Group justify="space-between" wrap="nowrap" gap="sm">
        <span className="clip"><Link to="/jobs/$job" params={{ job: String(job.id) }} search={{}}>{job.workflow} <span className="dim">#{job.id}</span></Link> <span className="dim">at {job.site}, by {job.owner}</span></span>
        <span className="nowrap">{moved === undefined ? "" : byteRate(moved)}</span>
      </Group>
      <Bar parts={partsOf(job.totals)} all={job.totals.discovered} label={`Paths of job ${job.id}`} />
      <Group justify="space-between" gap="sm"><Text size="xs" c="dimmed">{count(ended)} of {count(job.totals.discovered)} paths, {bytes(job.bytes_done)}</Text>{job.waiting && <Text size="xs" c="dimmed" className="clip">{job.waiting}</Text>}</Group>
    </li>
  );
}

function Latest({ jobs }: { jobs: readonly Job[] }) {
  if (jobs.length === 0) return <Empty icon="clock" title="No job yet">What is submitted stands here, the newest first.</Empty>;
  return (
    <div className="scroll">
      <table className="plain">
        <thead><tr><th>Job</th><th>State</th><th>Workflow</th><th>Site</th><th className="num">Paths</th><th>Submitted</th></tr></thead>
        <tbody>
          {jobs.map((job) => (
            <tr key={job.id}>
              <td><Link to="/jobs/$job" params={{ job: String(job.id) }} search={{}}>{job.id}</Link></td>
              <td><StateBadge state={job.state} /></td><td>{job.workflow}</td><td>{job.site}</td>
              <td className="num">{job.totals.discovered ? brief(job.totals.discovered) : <span className="dim">–</span>}</td><td><Time at={job.created_at} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Attention({ lines }: { lines: ReturnType<typeof attention> }) {
  if (lines.length === 0) return <Empty icon="check" title="All is well">Jobs that failed or wait for somebody, and sites that are not heard, are shown here.</Empty>;
  return (
    <ul className={css.list}>
      {lines.map((line) => (
        <li key={line.key} className={css.line}>
          <StateMark state={line.mark} size={16} />
          <span style={{ minWidth: 0 }}>
            {line.alert ? <Link to="/alerts" search={{ kind: line.alert }}>{line.title}</Link> : line.job === undefined ? <strong>{line.title}</strong> : <Link to="/jobs/$job" params={{ job: String(line.job) }} search={{}}>{line.title}</Link>}
            <Text size="sm" c="dimmed">{line.why}</Text>
          </span>
        </li>
      ))}
    </ul>
  );
}

/** Sites that are listed; those that need somebody come first. */
const SITES = 12;

function Sites({ sites, all }: { sites: readonly Site[]; all: number }) {
  if (sites.length === 0) return <Empty icon="site" title="No site yet">A site is a place with files. <Link to="/sites" search={{}}>Add one</Link>, then join its first machine with a token.</Empty>;
  const first = sites.slice(0, SITES);
  return (
    <ul className={css.list}>
      {first.map((site) => {
        const online = site.nodes.filter((node) => node.online).length;
        return (
          <li key={site.name} className={css.line}>
            <StateMark state={site.nodes.length === 0 ? "PENDING" : site.health === "ok" ? "SUCCESS" : site.health === "warning" ? "ERROR" : "FAILURE"} size={16} />
            <span style={{ flex: 1 }}><Link to="/sites/$site" params={{ site: site.name }}>{site.name}</Link><Text size="sm" c="dimmed">{site.nodes.length === 0 ? "no node yet" : `${online} of ${plural(site.nodes.length, "node")} online, ${plural(site.nodes.reduce((sum, node) => sum + node.running, 0), "task")} running`}{site.paused.length > 0 && ", paused"}</Text></span>
            <Link to="/jobs" search={{ site: site.name }}>Jobs</Link>
          </li>
        );
      })}
      {first.length < all && <li><Link to="/sites" search={{}}>All {count(all)} sites</Link></li>}
    </ul>
  );
}
