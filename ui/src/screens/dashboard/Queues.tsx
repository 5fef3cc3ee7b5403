/** What waits: the queues of all sites with something to do, the deepest first; each leads to those of its site. */
import { Group, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { queuesQuery, type Queue, type Queues as Told } from "~/api/places";
import { count, plural } from "~/format/numbers";
import { Bar } from "~/parts/Bar";
import { Panel } from "~/parts/Page";
import { Span } from "~/parts/Shown";
import { Trouble, Waiting } from "~/parts/Standing";
import { Tag } from "~/parts/Tag";
import { useMay } from "~/shell/rights";
import { markOf } from "../sites/standing";
import css from "./Dashboard.module.css";
import { depthText } from "./standing";

/** Queues that are listed. */
const MOST = 6;

export function Queues() {
  const may = useMay("read");
  const told = useQuery({ ...queuesQuery(undefined, MOST), enabled: may });
  if (!may) return null;
  return (
    <Panel title="Queues" actions={told.data && <span className="dim" data-waiting={told.data.waiting}>{depthText(told.data)}</span>}>
      {told.isPending ? <Waiting rows={2} /> : !told.data ? <Trouble error={told.error} again={() => void told.refetch()} /> : <Listed told={told.data} />}
    </Panel>
  );
}

function Listed({ told }: { told: Told }) {
  if (told.count === 0) return <p className={css.none}>Tasks that wait for a slot are counted here, queue by queue, with the age of the oldest.</p>;
  const more = told.count - told.results.length;
  return (
    <ul className={css.list}>
      {told.results.map((queue) => <Row key={`${queue.site}/${queue.queue}`} queue={queue} />)}
      {more > 0 && <li><span className="dim">{plural(more, "queue")} more, on the pages of <Link to="/sites" search={{}}>their sites</Link></span></li>}
    </ul>
  );
}

function Row({ queue }: { queue: Queue }) {
  const mark = markOf(queue);
  return (
    <li data-queue={`${queue.site}/${queue.queue}`}>
      <Group justify="space-between" wrap="nowrap" gap="sm">
        <span className={css.where}><Link to="/sites/$site" params={{ site: queue.site }} hash="queues" className="clip">{queue.site} <span className="dim">{queue.queue}</span></Link>{mark && <Tag {...mark} />}</span>
        <span className="nowrap">{queue.waiting > 0 ? <><strong>{count(queue.waiting)}</strong> waiting</> : <span className="dim">none waiting</span>}</span>
      </Group>
      {queue.slots > 0 && <Bar parts={[{ of: queue.running, tone: "busy", name: "in use" }]} all={queue.slots} label={`Slots of ${queue.queue} at ${queue.site}`} />}
      <Group justify="space-between" gap="sm">
        <Text size="xs" c="dimmed">{queue.slots > 0 ? `${count(queue.running)} of ${plural(queue.slots, "slot")} in use` : queue.running > 0 ? `${count(queue.running)} running, no slot` : "no slot"}</Text>
        {queue.oldest_at && <Text size="xs" c="dimmed">the oldest for <Span from={queue.oldest_at} to={undefined} /></Text>}
      </Group>
    </li>
  );
}
