/** The queues of a site: what waits and runs on each, its slots, and who paused it. */
import { VisuallyHidden } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useLocation } from "@tanstack/react-router";
import { useEffect } from "react";
import { queuesQuery } from "~/api/places";
import type { Site } from "~/api/queries";
import { count, plural } from "~/format/numbers";
import { Opens } from "~/parts/Asking";
import { Icon } from "~/parts/Icon";
import { Panel } from "~/parts/Page";
import { Span, Time } from "~/parts/Shown";
import { Empty } from "~/parts/Standing";
import { useMay } from "~/shell/rights";
import { PauseDialog, ResumeDialog } from "./changes";
import css from "./Sites.module.css";
import { queuesOf, type Queue } from "./standing";

const PLACE = "queues";

export function Queues({ site }: { site: Site }) {
  const told = useQuery(queuesQuery(site.name)).data?.results;
  const queues = queuesOf(site, told);
  const meant = useLocation({ select: (location) => location.hash }) === PLACE;
  // It was not there yet when the address was gone to.
  useEffect(() => {
    if (meant) document.getElementById(PLACE)?.scrollIntoView({ block: "center" });
  }, [meant]);
  return (
    <Panel title="Queues" id={PLACE}>
      {queues.length === 0 ? <Empty icon="jobs" title="No queue yet">Nodes say which queues they serve, with how many slots.</Empty> : <Listed site={site.name} queues={queues} read={told !== undefined} />}
    </Panel>
  );
}

function Listed({ site, queues, read }: { site: string; queues: readonly Queue[]; read: boolean }) {
  const runs = useMay("run");
  const none = <span className="dim">{read ? "0" : "–"}</span>;
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label="Queues, what waits and runs on them">
      <table className="plain">
        <thead><tr><th>Queue</th><th className="num">Waiting</th><th className="num">Oldest</th><th className="num">Running</th><th>Slots</th>{runs && <th><VisuallyHidden>Actions</VisuallyHidden></th>}</tr></thead>
        <tbody>
          {queues.map(({ queue, told, slots, nodes, paused }) => (
            <tr key={queue} data-queue={queue}>
              <td className={css.queue}><strong>{queue}</strong>{paused && <span className={css.stopped}><Icon name="pause" size={14} /><span>Paused by {paused.by}{paused.why && `: ${paused.why}`}, <Time at={paused.at} /></span></span>}</td>
              <td className="num">{told?.waiting ? <strong>{count(told.waiting)}</strong> : none}</td>
              <td className="num"><Span from={told?.oldest_at} to={undefined} /></td>
              <td className="num">{told?.running ? count(told.running) : none}</td>
              <td>{slots.size > 0 ? <><span className="nowrap">{[...slots].map(([name, many]) => `${many} ${name}`).join(", ")}</span> <span className="dim nowrap">on {plural(nodes, "node")}</span></> : <span className="dim">none: nobody serves it</span>}</td>
              {runs && <td className="num"><PauseButton site={site} queue={queue} paused={paused !== undefined} size="compact-xs" /></td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function PauseButton({ site, queue, paused, size = "sm" }: { site: string; queue: string; paused: boolean; size?: "compact-xs" | "sm" }) {
  const label = queue ? `${paused ? "Resume" : "Pause"} queue ${queue}` : undefined;
  if (paused) return <Opens size={size} label={label} icon={<Icon name="play" size={15} />} dialog={(close) => <ResumeDialog site={site} queue={queue} close={close} />}>Resume</Opens>;
  return <Opens size={size} label={label} icon={<Icon name="pause" size={15} />} dialog={(close) => <PauseDialog site={site} queue={queue} close={close} />}>Pause</Opens>;
}
