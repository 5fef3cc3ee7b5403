/** The tasks of a job, in the order in which they were made. */
import { Select } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { PULSE, tasksQuery, type Job, type Task } from "~/api/queries";
import { ALL_TASK_STATES, isOver, type TaskState } from "~/api/states";
import { count } from "~/format/numbers";
import { Bytes, Span } from "~/parts/Shown";
import { Empty, Trouble, Waiting } from "~/parts/Standing";
import { StateBadge, wordOf } from "~/parts/State";
import css from "./Job.module.css";
import { Virtual } from "./Virtual";

/** Pages beyond which a list that moves is not read anew by itself. */
const FEW = 3;

export function Tasks({ job, state, choose }: { job: Job; state: TaskState | undefined; choose: (state: TaskState | undefined) => void }) {
  const list = useInfiniteQuery({ ...tasksQuery(job.id, state), refetchInterval: (query) => (!isOver(job.state) && (query.state.data?.pages.length ?? 0) <= FEW ? PULSE : false) });
  const tasks = useMemo(() => list.data?.pages.flatMap((page) => page.results) ?? [], [list.data]);
  return (
    <>
      <div className={css.bar}>
        <Select size="xs" w={170} clearable aria-label="Tasks in state" placeholder="Any state" value={state ?? null} data={ALL_TASK_STATES.map((one) => ({ value: one, label: wordOf(one) }))} onChange={(value) => choose((value ?? undefined) as TaskState | undefined)} clearButtonProps={{ "aria-label": "Any state" }} />
        <span className="dim">{list.data ? count(list.data.pages[0]?.count ?? 0) : ""}</span>
      </div>
      {list.isPending ? <Waiting /> : !list.data ? <Trouble error={list.error} again={() => void list.refetch()} />
        : tasks.length === 0 ? <Empty icon="jobs" title="No task here">{state ? "None is in that state." : "Tasks are made as paths are found."}</Empty>
        : <Virtual rows={tasks} height={42} label="Tasks" heads={["Task", "State", "Step", "Site", "Node", "Paths", "Failed", "Bytes", "Took"]} right={["Paths", "Failed", "Bytes", "Took"]} layout={css.trow} cells={cellsOf} more={list.hasNextPage ? () => void list.fetchNextPage() : undefined} busy={list.isFetchingNextPage} />}
    </>
  );
}

/** A walk finds paths for others: it has none of its own. */
const isWalk = (task: Task): boolean => task.position < 0;

const cellsOf = (task: Task) => [
  <Link key="i" to="/tasks/$task" params={{ task: String(task.id) }}>{task.id}</Link>,
  <StateBadge key="s" state={task.state} />, task.step, task.site, task.node ?? "–", isWalk(task) ? <span key="p" className="dim">–</span> : count(task.paths),
  isWalk(task) ? <span key="f" className="dim">–</span> : <span key="f" style={{ color: task.failed ? "var(--tow-bad)" : undefined }}>{count(task.failed)}</span>,
  isWalk(task) ? <span key="b" className="dim">–</span> : <Bytes key="b" of={task.bytes} />, <Span key="t" from={task.started_at} to={task.ended_at} />,
];
