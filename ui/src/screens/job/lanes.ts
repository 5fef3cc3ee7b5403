/** Who worked when: the tasks of a job, laid on lanes of their nodes so that none hides another. */
import type { Task } from "~/api/queries";

export interface Block {
  task: Task;
  from: number;
  to: number;
}

export interface NodeLanes {
  node: string;
  lanes: Block[][];
}

/** Nodes by name, each with as few lanes as its tasks need; tasks that never started lie on none. `now` ends what runs. */
export function lanesOf(tasks: readonly Task[], now: number): NodeLanes[] {
  const nodes = new Map<string, Block[][]>();
  const begun = tasks.filter((task) => task.node !== null && task.started_at !== null);
  const blocks = begun.map((task) => ({ task, from: Date.parse(task.started_at ?? ""), to: task.ended_at ? Date.parse(task.ended_at) : now }));
  for (const block of blocks.sort((one, other) => one.from - other.from)) {
    const node = `${block.task.site}/${block.task.node}`;
    const lanes = nodes.get(node) ?? [];
    nodes.set(node, lanes);
    const free = lanes.find((lane) => (lane.at(-1)?.to ?? 0) <= block.from);
    if (free) free.push(block);
    else lanes.push([block]);
  }
  return [...nodes].map(([node, lanes]) => ({ node, lanes })).sort((one, other) => one.node.localeCompare(other.node));
}
