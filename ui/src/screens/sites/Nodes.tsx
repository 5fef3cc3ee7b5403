/** The nodes of a site: when each was heard, what it holds, its slots, and what can be asked of it. */
import { Button } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { asked, hub } from "~/api/client";
import type { Node } from "~/api/places";
import { count } from "~/format/numbers";
import { Opens } from "~/parts/Asking";
import { Time } from "~/parts/Shown";
import { tellTrouble } from "~/parts/Standing";
import { Tag } from "~/parts/Tag";
import { useMay } from "~/shell/rights";
import { Virtual } from "../job/Virtual";
import { DrainDialog, RemoveNodeDialog, SlotsDialog, useSettled } from "./changes";
import css from "./Sites.module.css";
import { NODE, ordered, slotsOf, type Slots } from "./standing";

export function Nodes({ nodes }: { nodes: readonly Node[] }) {
  const rows = useMemo(() => ordered(nodes), [nodes]);
  return <Virtual rows={rows} height={48} label="Nodes" heads={["Node", "State", "Heard", "Running", "Slots", "Software", "Actions"]} layout={css.nrow} cells={cellsOf} more={undefined} busy={false} />;
}

const cellsOf = (node: Node) => [
  <strong key="n" data-node={node.name}>{node.name}</strong>,
  <Tag key="s" {...NODE[node.state]} title={node.draining ? `Drained by ${node.drain_by ?? "somebody"}${node.drain_why ? `: ${node.drain_why}` : ""}` : NODE[node.state].title} />,
  <Time key="h" at={node.heard_at} none="never" />, count(node.running), <SlotList key={`q ${node.name}`} node={node} />, node.software, <Asks key={`a ${node.name}`} node={node} />,
];

function SlotList({ node }: { node: Node }) {
  const runs = useMay("run");
  const [chosen, setChosen] = useState<Slots>();
  return (
    <span className={css.slots}>
      {slotsOf(node).map((slots) => {
        const name = `${slots.queue}/${slots.function}`;
        const of = slots.now === slots.started ? "" : ` of ${slots.started}`;
        const text = <>{`${slots.queue} ${slots.function} `}<b>{slots.now}</b>{of && <span className="dim">{of}</span>}</>;
        return runs && node.online ? <button type="button" key={name} className={css.slot} aria-label={`${slots.queue} ${slots.function} ${slots.now}${of} slots of ${node.name}`} onClick={() => setChosen(slots)}>{text}</button>
          : <span key={name} className={css.slot}>{text}</span>;
      })}
      {chosen && <SlotsDialog node={node} slots={chosen} close={() => setChosen(undefined)} />}
    </span>
  );
}

function Asks({ node }: { node: Node }) {
  const runs = useMay("run");
  const administers = useMay("administer");
  const settled = useSettled();
  const undrain = useMutation({
    mutationFn: () => asked(hub.POST("/api/nodes/{site}/{name}/undrain/", { params: { path: { site: node.site, name: node.name } } })),
    onSuccess: () => settled(`Node ${node.name} takes work again.`),
    onError: tellTrouble,
  });
  return (
    <span className={css.actions}>
      {runs && (node.draining
        ? <Button size="compact-xs" variant="default" aria-label={`Undrain ${node.name}`} loading={undrain.isPending} onClick={() => undrain.mutate()}>Undrain</Button>
        : <Opens size="compact-xs" label={`Drain ${node.name}`} dialog={(close) => <DrainDialog site={node.site} node={node.name} close={close} />}>Drain</Opens>)}
      {administers && !node.online && <Opens size="compact-xs" label={`Remove ${node.name}`} dialog={(close) => <RemoveNodeDialog node={node} close={close} />}>Remove</Opens>}
    </span>
  );
}
