/** The versions of a workflow, and what differs between two of them. */
import { Radio } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { diffQuery, versionsQuery } from "~/api/queries";
import { Time } from "~/parts/Shown";
import { Empty, Trouble, Waiting } from "~/parts/Standing";
import { pairOf, type WorkflowSearch } from "./search";
import css from "./Workflows.module.css";

export function Versions({ name, search, choose }: { name: string; search: WorkflowSearch; choose: (search: WorkflowSearch) => void }) {
  const list = useQuery(versionsQuery(name));
  if (list.isPending) return <Waiting rows={4} />;
  if (!list.data) return <Trouble error={list.error} again={() => void list.refetch()} />;
  const pair = pairOf(search, list.data.results);
  const put = (which: "old" | "new", version: number): void => choose({ tab: "versions", ...pair, [which]: version });
  return (
    <div className={css.versions}>
      <div className="scroll" tabIndex={0} role="group" aria-label="Versions">
        <table className="plain">
          <thead><tr><th>Version</th><th>Kept</th>{pair && <><th>Old</th><th>New</th></>}</tr></thead>
          <tbody>{list.data.results.map((one) => (
            <tr key={one.version}>
              <td><strong>{one.version}</strong> {one.current && <span className="dim">new jobs run it</span>}{one.installed && <span className="dim"> installed</span>}</td>
              <td><Time at={one.created_at} /></td>
              {pair && (["old", "new"] as const).map((which) => <td key={which}><Radio size="xs" name={which} aria-label={`Version ${one.version} as the ${which} one`} checked={pair[which] === one.version} onChange={() => put(which, one.version)} /></td>)}
            </tr>
          ))}</tbody>
        </table>
      </div>
      {pair ? <Diff key={`${pair.old} ${pair.new}`} name={name} old={pair.old} fresh={pair.new} /> : <Empty icon="copy" title="There is one version">Each change makes another. Jobs keep the one that they started with, and what differs is shown here.</Empty>}
    </div>
  );
}

const KINDS: Readonly<Record<string, string | undefined>> = { "+": css.added, "-": css.gone, "@": css.hunk };

function Diff({ name, old, fresh }: { name: string; old: number; fresh: number }) {
  const diff = useQuery(diffQuery(name, old, fresh));
  if (diff.isPending) return <Waiting />;
  if (!diff.data) return <Trouble error={diff.error} again={() => void diff.refetch()} />;
  const lines = diff.data.lines.filter((line) => !line.startsWith("---") && !line.startsWith("+++"));
  if (lines.length === 0) return <Empty icon="check" title={`Versions ${old} and ${fresh} are alike`} />;
  return (
    <pre className={css.diff} tabIndex={0} aria-label={`From version ${old} to version ${fresh}`}>
      {lines.map((line, at) => <span key={at} className={KINDS[line.slice(0, 1)] ?? ""}>{line || " "}</span>)}
    </pre>
  );
}
