/** One job: how it stands and why, how far it is, what failed, and what can be asked of it. */
import { Alert, Group, SimpleGrid, Tabs, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { jobQuery, PULSE, stepsQuery, wishesQuery, type Job as JobShown, type Step } from "~/api/queries";
import { isOver, meaningOf, JOB_STATES } from "~/api/states";
import { bytes, byteRate, count, plural, share } from "~/format/numbers";
import { clock, duration, remaining } from "~/format/times";
import { useRate } from "~/live/rates";
import { Bar } from "~/parts/Bar";
import { Page, Panel } from "~/parts/Page";
import { Span, Time } from "~/parts/Shown";
import { Trouble, Waiting } from "~/parts/Standing";
import { StateBadge, StateMark } from "~/parts/State";
import { rateText } from "../dashboard/series";
import { AskButtons } from "../jobs/Ask";
import { endedOf, partsOf } from "../jobs/progress";
import { Chain } from "./Chain";
import css from "./Job.module.css";
import { Nodes } from "./Nodes";
import { Failed, Paths } from "./Paths";
import { Tasks } from "./Tasks";
import type { JobSearch, Tab } from "./search";

export function Job({ id, search, choose }: { id: number; search: JobSearch; choose: (search: JobSearch) => void }) {
  const job = useQuery({ ...jobQuery(id), refetchInterval: (query) => (query.state.data && !isOver(query.state.data.state) ? PULSE : false) });
  const steps = useQuery({ ...stepsQuery(id), refetchInterval: job.data && !isOver(job.data.state) ? PULSE : false });
  const navigate = useNavigate();
  const above = <Link to="/jobs" search={{}}>Jobs</Link>;
  if (job.isPending) return <Page title={`Job ${id}`} above={above}><div className="panel"><Waiting /></div></Page>;
  if (!job.data) return <Page title={`Job ${id}`} above={above}><div className="panel"><Trouble error={job.error} again={() => void job.refetch()} /></div></Page>;
  const shown = job.data;
  const made = (jobs: readonly JobShown[]): void => {
    if (jobs[0] && jobs[0].id !== id) void navigate({ to: "/jobs/$job", params: { job: String(jobs[0].id) }, search: {} });
  };
  return (
    <Page title={`${shown.workflow} #${id}`} above={above} beside={<><StateBadge state={shown.state} />{shown.dry_run && <Text c="dimmed">dry run</Text>}</>} actions={<AskButtons jobs={[shown]} after={made} />}>
      <Sentence job={shown} />
      <Progress job={shown} at={job.dataUpdatedAt} />
      <Panel title="Chain">{steps.data ? <Chain steps={steps.data.results} job={shown} /> : <Waiting rows={3} />}</Panel>
      <Tabs value={search.tab ?? "failed"} onChange={(tab) => choose({ tab: tab as Tab })} keepMounted={false} className={`panel ${css.tabs}`}>
        <Tabs.List>
          <Tabs.Tab value="failed">Failed <span className="dim">{count(shown.totals.failed)}</span></Tabs.Tab>
          <Tabs.Tab value="paths">Paths <span className="dim">{count(shown.totals.discovered)}</span></Tabs.Tab>
          <Tabs.Tab value="tasks">Tasks <span className="dim">{count(tasksOf(steps.data?.results))}</span></Tabs.Tab>
          <Tabs.Tab value="nodes">Nodes</Tabs.Tab>
          <Tabs.Tab value="line">Time line</Tabs.Tab>
          <Tabs.Tab value="with">Ran with</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="failed"><Failed job={shown} /></Tabs.Panel>
        <Tabs.Panel value="paths"><Paths job={shown} outcome={search.outcome} choose={(outcome) => choose({ ...search, outcome })} /></Tabs.Panel>
        <Tabs.Panel value="tasks"><Tasks job={shown} state={search.state} choose={(state) => choose({ ...search, state })} /></Tabs.Panel>
        <Tabs.Panel value="nodes"><Nodes job={shown} /></Tabs.Panel>
        <Tabs.Panel value="line"><TimeLine job={shown} /></Tabs.Panel>
        <Tabs.Panel value="with"><RanWith job={shown} /></Tabs.Panel>
      </Tabs>
    </Page>
  );
}

const tasksOf = (steps: readonly Step[] | undefined): number => (steps ?? []).reduce((sum, step) => sum + Object.values(step.tasks).reduce((all, one) => all + one, 0), 0);

/** The state in one sentence, with who wished what, and why nothing moves. */
function Sentence({ job }: { job: JobShown }) {
  const wish = job.wish_by && !isOver(job.state) && job.wanted !== "run" ? `${job.wanted === "pause" ? "Paused" : "Cancelled"} by ${job.wish_by}${job.wish_why ? `: ${job.wish_why}` : ""}` : undefined;
  const said = job.waiting ?? (job.noop ? "It found nothing to do." : meaningOf(job.state));
  return (
    <Alert variant="default" role="status" className={css.sentence} icon={<StateMark state={job.state} size={18} />} data-sentence>
      {wish && wish !== said && <Text fw={550}>{wish}</Text>}
      <Text>{said}</Text>
      {job.resume_at && <Text size="sm" c="dimmed">It is resumed by itself <Time at={job.resume_at} />.</Text>}
      {!isOver(job.state) && job.state !== "STARTED" && <details className={css.more}><summary>What to do where it stays so</summary>{JOB_STATES[job.state].staying.replaceAll("`", "")}</details>}
    </Alert>
  );
}

function Progress({ job, at }: { job: JobShown; at: number }) {
  const ended = endedOf(job.totals);
  const paths = useRate(ended, at);
  const moved = useRate(job.bytes_done, at);
  const over = isOver(job.state);
  const left = over || paths === undefined ? undefined : remaining(ended, job.totals.discovered, paths);
  return (
    <Panel title="Progress" actions={<Text c="dimmed" size="sm">{over ? <>ended <Time at={job.ended_at} /></> : left === undefined ? "" : `about ${duration(left)} left`}</Text>} padded>
      <Bar parts={partsOf(job.totals)} all={job.totals.discovered} label="Paths of this job" />
      <SimpleGrid cols={{ base: 2, sm: 3, lg: 6 }} mt="md" className={css.figures}>
        <Fact name="Found" value={count(job.totals.discovered)} note={job.unmatched ? `${count(job.unmatched)} more that no rule took` : undefined} />
        <Fact name="Done" value={count(job.totals.done)} note={share(job.totals.done, job.totals.discovered)} />
        <Fact name="Failed" value={count(job.totals.failed)} bad={job.totals.failed > 0} note={job.totals.unknown + job.totals.not_run ? `${plural(job.totals.unknown + job.totals.not_run, "path")} unknown or not run` : undefined} />
        <Fact name="Skipped" value={count(job.totals.skipped + job.totals.aborted)} />
        <Fact name="Bytes" value={bytes(job.bytes_done)} note={over ? `of ${bytes(job.bytes_found)} found` : moved === undefined ? "" : byteRate(moved)} />
        <Fact name={over ? "Took" : "Runs for"} value={<Span from={job.started_at} to={job.ended_at} />} note={over || paths === undefined ? undefined : rateText("done", paths)} />
      </SimpleGrid>
    </Panel>
  );
}

function Fact({ name, value, note, bad = false }: { name: string; value: React.ReactNode; note?: string; bad?: boolean }) {
  return <div><Text size="sm" c="dimmed">{name}</Text><Text size="xl" fw={600} c={bad ? "var(--tow-bad)" : undefined}>{value}</Text><Text size="xs" c="dimmed" mih={18}>{note}</Text></div>;
}

const WISHED = { run: "resumed", pause: "paused", cancel: "cancelled" } as const;

function TimeLine({ job }: { job: JobShown }) {
  const wishes = useQuery(wishesQuery(job.id));
  const lines = [
    { at: job.created_at, text: `Submitted by ${job.owner}` },
    ...(job.started_at ? [{ at: job.started_at, text: "The first task started" }] : []),
    ...(wishes.data?.results ?? []).map((wish) => ({ at: wish.at, text: `${wish.by} ${WISHED[wish.wanted]} it${wish.why ? `: ${wish.why}` : ""}` })),
    ...(job.ended_at ? [{ at: job.ended_at, text: `Ended: ${meaningOf(job.state)}` }] : []),
  ].sort((one, other) => one.at.localeCompare(other.at));
  return <ol className={css.line}>{lines.map((line, index) => <li key={index}><span>{line.text}</span><span className="dim nowrap"><Time at={line.at} /> · {clock(new Date(line.at))}</span></li>)}</ol>;
}

function RanWith({ job }: { job: JobShown }) {
  return (
    <dl className="facts" style={{ padding: "1rem" }}>
      <dt>Workflow</dt><dd>{job.workflow}, version {job.workflow_version}</dd>
      <dt>Site and queue</dt><dd>{job.site}, {job.queue}</dd>
      <dt>Space</dt><dd>{job.space ?? "none"}</dd>
      <dt>Discovery</dt><dd>{job.discovery ?? "none: the paths as they were given"}</dd>
      <dt>Priority</dt><dd>{job.priority}{job.max_tasks === null ? "" : `, at most ${plural(job.max_tasks, "task")} at once`}</dd>
      {Object.entries(job.fields).map(([name, value]) => <Group component="div" key={name} style={{ display: "contents" }}><dt>{name}</dt><dd className="mono">{value === true ? "yes" : value === false ? "no" : value === "" || value === null ? <span className="dim">nothing</span> : typeof value === "string" ? value : JSON.stringify(value)}</dd></Group>)}
      {job.retry_of !== null && <><dt>Retry of</dt><dd><Link to="/jobs/$job" params={{ job: String(job.retry_of) }} search={{}}>job {job.retry_of}</Link></dd></>}
    </dl>
  );
}
