/** Who worked when, as a picture: a row for each node, a bar for each task. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo } from "react";
import { tasksQuery, type Job } from "~/api/queries";
import { count, plural } from "~/format/numbers";
import { clock, duration } from "~/format/times";
import { Empty, Trouble, Waiting } from "~/parts/Standing";
import { toneOf, wordOf } from "~/parts/State";
import css from "./Job.module.css";
import { lanesOf } from "./lanes";

/** Pages of tasks that are drawn: a thousand bars are all that a screen can show. */
const PAGES = 10;
const LANE = 12;
const WIDTH = 1000;

export function Nodes({ job }: { job: Job }) {
  const list = useInfiniteQuery(tasksQuery(job.id));
  const pages = list.data?.pages.length ?? 0;
  const { hasNextPage, isFetching, fetchNextPage } = list;
  useEffect(() => {
    if (hasNextPage && !isFetching && pages < PAGES) void fetchNextPage();
  }, [hasNextPage, isFetching, fetchNextPage, pages]);
  const tasks = useMemo(() => list.data?.pages.flatMap((page) => page.results) ?? [], [list.data]);
  const nodes = useMemo(() => lanesOf(tasks, list.dataUpdatedAt), [tasks, list.dataUpdatedAt]);
  const navigate = useNavigate();
  if (list.isPending) return <Waiting rows={4} />;
  if (!list.data) return <Trouble error={list.error} again={() => void list.refetch()} />;
  if (nodes.length === 0) return <Empty icon="site" title="No node has worked on it yet">Each task is drawn here as a bar, from when a node took it until it ended.</Empty>;
  const blocks = nodes.flatMap((node) => node.lanes.flat());
  const from = Math.min(...blocks.map((block) => block.from));
  const to = Math.max(...blocks.map((block) => block.to), from + 1);
  const x = (at: number): number => ((at - from) / (to - from)) * WIDTH;
  return (
    <div className={css.nodes}>
      {nodes.map(({ node, lanes }) => (
        <div key={node} className={css.nodeRow}>
          <span className="clip" title={node}>{node}</span>
          <svg viewBox={`0 0 ${WIDTH} ${lanes.length * LANE}`} preserveAspectRatio="none" style={{ height: lanes.length * LANE }} role="img" aria-label={`${node}: ${plural(lanes.flat().length, "task")}`}>
            {lanes.map((lane, row) => lane.map((block) => (
              <rect key={block.task.id} className={css[toneOf(block.task.state)]} x={x(block.from)} y={row * LANE + 1} width={Math.max(2, x(block.to) - x(block.from))} height={LANE - 3}
                onClick={() => void navigate({ to: "/tasks/$task", params: { task: String(block.task.id) } })}>
                <title>{`Task ${block.task.id}, ${block.task.step}: ${wordOf(block.task.state)}, ${duration(block.to - block.from)}`}</title>
              </rect>
            )))}
          </svg>
        </div>
      ))}
      <div className={css.nodeRow}><span /><span className={css.axis}><span>{clock(new Date(from))}</span><span>{clock(new Date(to))}</span></span></div>
      {list.hasNextPage && pages >= PAGES && <p className="dim">The first {count(tasks.length)} tasks are drawn.</p>}
    </div>
  );
}
