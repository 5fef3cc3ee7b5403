/** One task: where and when it ran, what became of its paths, and why. */
import { Alert, Text } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { pathsQuery, PULSE, taskQuery, type Task as TaskShown } from "~/api/queries";
import { meaningOf, TASK_STATES } from "~/api/states";
import { bytes, count, plural } from "~/format/numbers";
import { Bar } from "~/parts/Bar";
import { Icon } from "~/parts/Icon";
import { Page, Panel } from "~/parts/Page";
import { PathText, Span, Time } from "~/parts/Shown";
import { Empty, Trouble, Waiting } from "~/parts/Standing";
import { StateBadge } from "~/parts/State";

export function Task({ id }: { id: number }) {
  const task = useQuery({ ...taskQuery(id), refetchInterval: (query) => (query.state.data && !TASK_STATES[query.state.data.state].over ? PULSE : false) });
  if (task.isPending) return <Page title={`Task ${id}`}><div className="panel"><Waiting /></div></Page>;
  if (!task.data) return <Page title={`Task ${id}`}><div className="panel"><Trouble error={task.error} again={() => void task.refetch()} /></div></Page>;
  const shown = task.data;
  const job = String(shown.job);
  return (
    <Page title={`Task ${id}`} beside={<StateBadge state={shown.state} />} above={<><Link to="/jobs" search={{}}>Jobs</Link> / <Link to="/jobs/$job" params={{ job }} search={{ tab: "tasks" }}>job {job}</Link></>}>
      <Alert variant="default" role="status" icon={<Icon name={shown.error ? "warning" : "clock"} />} style={{ background: "var(--tow-panel)" }}>
        {shown.error ? <Text className="mono" style={{ whiteSpace: "pre-wrap" }}>{shown.error}</Text> : <Text>{shown.waiting ?? meaningOf(shown.state)}</Text>}
      </Alert>
      <div className="grid">
        <Panel title="Paths" padded><Outcomes task={shown} /></Panel>
        <Panel title="Run" padded><Run task={shown} /></Panel>
      </div>
      <Panel title="Its paths"><Paths task={shown} /></Panel>
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
      <dt>Step</dt><dd>{task.step}, place {task.position + 1} of rule {task.rule + 1}</dd>
      <dt>Where</dt><dd>{task.site}, queue {task.queue}{task.node && `, node ${task.node}`}</dd>
      <dt>Attempts</dt><dd>{count(task.attempts)}</dd>
      {task.trace_id !== null && <><dt>Trace</dt><dd><code>{task.trace_id}</code></dd></>}
      <dt>Made</dt><dd><Time at={task.created_at} /></dd><dt>Started</dt><dd><Time at={task.started_at} /></dd><dt>Ended</dt><dd><Time at={task.ended_at} /></dd>
      <dt>Took</dt><dd><Span from={task.started_at} to={task.ended_at} /></dd>
    </dl>
  );
}

/** Those among the job's paths at this step; the list of the hub has no shorter way yet. */
function Paths({ task }: { task: TaskShown }) {
  const list = useInfiniteQuery({ ...pathsQuery(task.job, task.failed > 0 ? "failed" : undefined, task.step), enabled: task.position >= 0 });
  if (task.position < 0) return <Empty icon="search" title="A walk has no paths of its own">What it found stands with the job.</Empty>;
  if (list.isPending) return <Waiting rows={4} />;
  if (!list.data) return <Trouble error={list.error} />;
  const paths = list.data.pages.flatMap((page) => page.results).filter((path) => path.task === task.id);
  if (paths.length === 0) return <Empty icon="files" title="Not among the first paths of the job">See <Link to="/jobs/$job" params={{ job: String(task.job) }} search={{ tab: "paths" }}>all paths of job {task.job}</Link>, or its report.</Empty>;
  return (
    <div className="scroll">
      <table className="plain">
        <thead><tr><th>Path</th><th>Outcome</th><th>Reason</th></tr></thead>
        <tbody>{paths.slice(0, 200).map((path) => <tr key={path.path_b64}><td><PathText base64={path.path_b64} /></td><td>{path.outcome}</td><td>{path.reason}</td></tr>)}</tbody>
      </table>
      {paths.length > 200 && <Text c="dimmed" p="md">and {plural(paths.length - 200, "more path", "more paths")}</Text>}
    </div>
  );
}
