/** The paths of a job: those that failed by their reasons, and all of them with their outcomes. */
import { Button, Group, Menu, SegmentedControl, TextInput } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { pathsQuery, type Job, type Outcome, type Path } from "~/api/queries";
import { isOver } from "~/api/states";
import { count, plural } from "~/format/numbers";
import { Icon } from "~/parts/Icon";
import { PathText } from "~/parts/Shown";
import { Empty, Trouble, Waiting } from "~/parts/Standing";
import { grouped } from "./groups";
import css from "./Job.module.css";
import { OUTCOMES } from "./search";
import { Virtual } from "./Virtual";

const SHOWN = 20;

/** Where a report is fetched; the cookie goes with it. */
export function Report({ job, outcome }: { job: Job; outcome?: Outcome }) {
  const to = (format: string): string => `/api/jobs/${job.id}/report/?format=${format}${outcome ? `&outcome=${outcome}` : ""}`;
  return (
    <Menu position="bottom-end">
      <Menu.Target><Button size="xs" variant="default" leftSection={<Icon name="down" size={14} />}>Report</Button></Menu.Target>
      <Menu.Dropdown>
        {["csv", "jsonl", "parquet"].map((format) => <Menu.Item key={format} component="a" href={to(format)} download>{format.toUpperCase()}</Menu.Item>)}
      </Menu.Dropdown>
    </Menu>
  );
}

export function Failed({ job }: { job: Job }) {
  const [words, setWords] = useState("");
  const list = useInfiniteQuery({ ...pathsQuery(job.id, "failed"), enabled: job.totals.failed > 0 });
  const paths = useMemo(() => list.data?.pages.flatMap((page) => page.results) ?? [], [list.data]);
  const groups = useMemo(() => grouped(paths, words), [paths, words]);
  if (job.totals.failed === 0) return <Empty icon="check" title="No path failed">{isOver(job.state) ? "Each path that it reached has its outcome under Paths." : "A path that fails is shown here with its reason, while the job goes on."}</Empty>;
  if (list.isPending) return <Waiting rows={4} />;
  if (!list.data) return <Trouble error={list.error} again={() => void list.refetch()} />;
  return (
    <>
      <div className={css.bar}>
        <TextInput size="xs" w={280} aria-label="Search in failed paths" placeholder="Search in paths and reasons" leftSection={<Icon name="search" size={14} />} value={words} onChange={(event) => setWords(event.currentTarget.value)} />
        <span className="dim">{plural(groups.length, "reason")}{list.hasNextPage && ` among the first ${count(paths.length)}`}</span>
        <Group ml="auto" gap="xs">
          {list.hasNextPage && <Button size="xs" variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>Read more</Button>}
          <Report job={job} outcome="failed" />
        </Group>
      </div>
      {groups.length === 0 && <Empty icon="search" title="No failed path fits">Other words may fit, or what was not read yet.</Empty>}
      {groups.map((group, index) => (
        <details className={css.group} key={`${group.step} ${group.reason}`} open={index === 0}>
          <summary><strong>{count(group.paths.length)}</strong><span>{group.reason}</span><span className="dim nowrap">in {group.step}{group.class && `, ${group.class.replace("_", " ")}`}</span></summary>
          <ul>
            {group.paths.slice(0, SHOWN).map((path) => <li key={`${path.task} ${path.path_b64}`}><PathText base64={path.path_b64} /> <Link to="/tasks/$task" params={{ task: String(path.task) }} className="dim">task {path.task}</Link></li>)}
            {group.paths.length > SHOWN && <li className="dim">and {count(group.paths.length - SHOWN)} more: see the report</li>}
          </ul>
        </details>
      ))}
    </>
  );
}

export function Paths({ job, outcome, choose }: { job: Job; outcome: Outcome | undefined; choose: (outcome: Outcome | undefined) => void }) {
  const list = useInfiniteQuery(pathsQuery(job.id, outcome));
  const paths = useMemo(() => list.data?.pages.flatMap((page) => page.results) ?? [], [list.data]);
  return (
    <>
      <div className={css.bar}>
        <SegmentedControl size="xs" aria-label="Outcome" value={outcome ?? ""} onChange={(value) => choose((value || undefined) as Outcome | undefined)} data={[{ value: "", label: "All" }, ...OUTCOMES.map((one) => ({ value: one as string, label: one.slice(0, 1).toUpperCase() + one.slice(1) }))]} />
        <Group ml="auto"><Report job={job} outcome={outcome} /></Group>
      </div>
      {list.isPending ? <Waiting /> : !list.data ? <Trouble error={list.error} again={() => void list.refetch()} />
        : paths.length === 0 ? <Empty icon="files" title="No path here">{outcome ? "None has that outcome." : "Paths are shown here as they are found."}</Empty>
        : <Virtual rows={paths} height={38} label="Paths" heads={["Path", "Outcome", "Step", "Reason", "Task"]} layout={css.prow} cells={cellsOf} more={list.hasNextPage ? () => void list.fetchNextPage() : undefined} busy={list.isFetchingNextPage} />}
    </>
  );
}

const cellsOf = (path: Path) => [
  <PathText key="p" base64={path.path_b64} clip />,
  <span key="o" style={{ color: path.outcome === "failed" ? "var(--tow-bad)" : undefined }}>{path.outcome}{path.already && <span className="dim"> already</span>}</span>,
  path.step, <span key="r" title={path.reason ?? ""}>{path.reason ?? ""}</span>,
  <Link key="t" to="/tasks/$task" params={{ task: String(path.task) }}>{path.task}</Link>,
];
