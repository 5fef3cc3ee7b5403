/** One task: where and when it ran, what became of its paths, and why. */
import { Alert, Text } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { pathsQuery, PULSE, taskQuery, type Path, type Task as TaskShown } from "~/api/queries";
import { meaningOf, TASK_STATES } from "~/api/states";
import { bytes, count, plural } from "~/format/numbers";
import { Bar } from "~/parts/Bar";
import { Page, Panel } from "~/parts/Page";
import { PathText, Span, Time } from "~/parts/Shown";
import { Empty, Trouble, Waiting } from "~/parts/Standing";
import { StateBadge, StateMark } from "~/parts/State";
import css from "../job/Job.module.css";
import { Virtual } from "../job/Virtual";

export function Task({ id }: { id: number }) {
  const task = useQuery({ ...taskQuery(id), refetchInterval: (query) => (query.state.data && !TASK_STATES[query.state.data.state].over ? PULSE : false) });
  if (task.isPending) return <Page title={`Task ${id}`}><div className="panel"><Waiting /></div></Page>;
  if (!task.data) return <Page title={`Task ${id}`}><div className="panel"><Trouble error={task.error} again={() => void task.refetch()} /></div></Page>;
  const shown = task.data;
  const job = String(shown.job);
  return (
    <Page title={`Task ${id}`} beside={<StateBadge state={shown.state} />} above={<><Link to="/jobs" search={{}}>Jobs</Link> / <Link to="/jobs/$job" params={{ job }} search={{ tab: "tasks" }}>job {job}</Link></>}>
      <Alert variant="default" role="status" icon={<StateMark state={shown.state} size={18} />} style={{ background: "var(--tow-panel)", borderColor: "var(--tow-line)" }}>
        {shown.error ? <Text className="mono" style={{ whiteSpace: "pre-wrap" }}>{shown.error}</Text> : <Text>{shown.waiting ?? meaningOf(shown.state)}</Text>}
      </Alert>
      <div className="grid">
        <Panel title="Paths" padded><Outcomes task={shown} /></Panel>
        <Panel title="Run" padded><Run task={shown} /></Panel>
      </div>
      <Panel title={shown.failed > 0 ? "Paths that failed" : "Its paths"}><Paths task={shown} /></Panel>
    </Page>
  );
}

function Outcomes({ task }: { task: TaskShown }) {
  return (
    <>
      <Bar label="Paths of this task" all={task.paths} parts={[
        { of: task.processed, tone: "good", name: "processed" }, { of: task.failed, tone: "bad", name: "failed" }, { of: task.unknown, tone: "warn", name: "unknown" },
        { of: task.skipped + task.aborted, tone: "busy", name: "skipped or aborted" }, { of: task.not_run, tone: "still", name: "not run" }]} />
      <dl className="facts" style={{ marginTop: "1rem" }}>
        <dt>Paths</dt><dd>{count(task.paths)}</dd><dt>Processed</dt><dd>{count(task.processed)}</dd><dt>Failed</dt><dd>{count(task.failed)}</dd>
        <dt>Skipped, aborted</dt><dd>{count(task.skipped)}, {count(task.aborted)}</dd><dt>Unknown, not run</dt><dd>{count(task.unknown)}, {count(task.not_run)}</dd><dt>Bytes</dt><dd>{bytes(task.bytes)}</dd>
      </dl>
    </>
  );
}

function Run({ task }: { task: TaskShown }) {
  return (
    <dl className="facts">
      <dt>Step</dt><dd>{task.step}{task.position >= 0 && `, place ${task.position + 1} of rule ${task.rule + 1}`}</dd>
      <dt>Where</dt><dd>{task.site}, queue {task.queue}{task.node && `, node ${task.node}`}</dd>
      <dt>Lost attempts</dt><dd>{task.attempts ? count(task.attempts) : "none"}</dd>
      {task.trace_id !== null && <><dt>Trace</dt><dd><code>{task.trace_id}</code></dd></>}
      <dt>Made</dt><dd><Time at={task.created_at} /></dd><dt>Started</dt><dd><Time at={task.started_at} /></dd><dt>Ended</dt><dd><Time at={task.ended_at} /></dd>
      <dt>Took</dt><dd><Span from={task.started_at} to={task.ended_at} /></dd>
    </dl>
  );
}

/** Those that failed, where some did; else all of them. */
function Paths({ task }: { task: TaskShown }) {
  const only = task.failed > 0 ? "failed" : undefined;
  const list = useInfiniteQuery({ ...pathsQuery(task.job, only, task.id), enabled: task.position >= 0 });
  if (task.position < 0) return <Empty icon="search" title="A walk has no paths of its own">What it found stands with the job.</Empty>;
  if (list.isPending) return <Waiting rows={4} />;
  if (!list.data) return <Trouble error={list.error} />;
  const paths = list.data.pages.flatMap((page) => page.results);
  if (paths.length === 0) return <Empty icon="files" title="No path here">Its paths are shown as the hub is told what became of them.</Empty>;
  return (
    <>
      <Virtual rows={paths} height={38} label="Paths of this task" heads={["Path", "Outcome", "Reason"]} layout={css.tprow} cells={cellsOf} more={list.hasNextPage ? () => void list.fetchNextPage() : undefined} busy={list.isFetchingNextPage} />
      {only && task.paths > task.failed && <Text size="sm" c="dimmed" p="md">The other {plural(task.paths - task.failed, "path")} of this task: see <Link to="/jobs/$job" params={{ job: String(task.job) }} search={{ tab: "paths" }}>all paths of job {task.job}</Link>.</Text>}
    </>
  );
}

const cellsOf = (path: Path) => [
  <PathText key="p" base64={path.path_b64} clip />, <span key="o" style={{ color: path.outcome === "failed" ? "var(--tow-bad)" : undefined }}>{path.outcome}{path.already && <span className="dim"> already</span>}</span>,
  <span key="r" title={path.reason ?? ""}>{path.reason ?? ""}</span>,
];
