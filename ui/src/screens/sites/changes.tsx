/** What may be asked of a site, its queues and nodes: the dialogs, and the calls behind them. */
import { Checkbox, NumberInput, Text, Textarea, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { asked, hub } from "~/api/client";
import type { Node } from "~/api/places";
import { plural } from "~/format/numbers";
import { Asking } from "~/parts/Asking";
import { tellDone } from "~/parts/Standing";
import type { Slots } from "./standing";

/** Tells what was done, and reads the sites anew. */
export function useSettled(): (told: string) => void {
  const client = useQueryClient();
  return (told) => {
    tellDone(told);
    void client.invalidateQueries({ queryKey: ["sites"] });
  };
}

/** When something is to end by itself, in the reader's zone; "" where nobody said. */
export function When({ label, value, set, hint }: { label: string; value: string; set: (value: string) => void; hint?: string }) {
  return <TextInput type="datetime-local" label={label} description={hint} value={value} onChange={(event) => set(event.currentTarget.value)} />;
}

export const momentOf = (local: string): string | null => (local ? new Date(local).toISOString() : null);

export function PauseDialog({ site, queue, close }: { site: string; queue: string; close: () => void }) {
  const [reason, setReason] = useState("");
  const [now, setNow] = useState(false);
  const [until, setUntil] = useState("");
  const settled = useSettled();
  const what = queue ? `queue ${queue} of ${site}` : `site ${site}`;
  return (
    <Asking title={`Pause ${what}`} verb={`Pause ${what}`} about="No task starts there until it is resumed. Jobs stay as they are, and say that they wait for this." close={close}
      ask={() => asked(hub.POST("/api/sites/{name}/pause/", { params: { path: { name: site } }, body: { queue, reason, now, resume_at: momentOf(until) } }))}
      done={() => (settled(`${what} is paused.`), close())}>
      <Textarea label="Why" placeholder="Shown to whoever wonders" maxLength={1000} autosize minRows={2} data-autofocus value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
      <Checkbox label="Now: running tasks stop at their next path" checked={now} onChange={(event) => setNow(event.currentTarget.checked)} />
      <When label="Resume by itself at" value={until} set={setUntil} />
    </Asking>
  );
}

export function ResumeDialog({ site, queue, close }: { site: string; queue: string; close: () => void }) {
  const settled = useSettled();
  const what = queue ? `queue ${queue} of ${site}` : `site ${site}`;
  return (
    <Asking title={`Resume ${what}`} verb={`Resume ${what}`} about="What waits there starts again." close={close}
      ask={() => asked(hub.POST("/api/sites/{name}/resume/", { params: { path: { name: site } }, body: { queue, reason: "" } }))}
      done={() => (settled(`${what} goes on.`), close())} />
  );
}

/** Of one node, or of all of a site. */
export function DrainDialog({ site, node, count = 1, close }: { site: string; node?: string; count?: number; close: () => void }) {
  const [reason, setReason] = useState("");
  const settled = useSettled();
  const what = node ? `node ${node}` : plural(count, "node");
  const ask = () => node
    ? asked(hub.POST("/api/nodes/{site}/{name}/drain/", { params: { path: { site, name: node } }, body: { reason } }))
    : asked(hub.POST("/api/sites/{name}/drain/", { params: { path: { name: site } }, body: { reason } }));
  return (
    <Asking<unknown> title={`Drain ${what}`} verb={`Drain ${what}`} about="It finishes what it has and takes no more; then it can be stopped." close={close} ask={ask}
      done={() => (settled(`${what} of ${site}: draining.`), close())}>
      <Textarea label="Why" placeholder="new kernel" maxLength={1000} autosize minRows={2} data-autofocus value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
    </Asking>
  );
}

export function RemoveNodeDialog({ node, close }: { node: Node; close: () => void }) {
  const settled = useSettled();
  return (
    <Asking title={`Remove node ${node.name}`} verb={`Remove node ${node.name}`} danger close={close}
      about="It is not let in any more; to come back it joins with a new token. What it held is given to others."
      ask={() => asked(hub.DELETE("/api/nodes/{site}/{name}/", { params: { path: { site: node.site, name: node.name } } }))}
      done={() => (settled(`Node ${node.name} of ${node.site} was removed.`), close())} />
  );
}

export function SlotsDialog({ node, slots, close }: { node: Node; slots: Slots; close: () => void }) {
  const [value, setValue] = useState<number | string>(slots.now);
  const [usual, setUsual] = useState(false);
  const settled = useSettled();
  const wanted = usual ? null : Number(value);
  return (
    <Asking title={`Slots of ${node.name}`} verb="Set slots" close={close} ready={usual || (value !== "" && Number.isInteger(Number(value)) && Number(value) >= 0)}
      about={<>How many tasks of <strong>{slots.function}</strong> on queue <strong>{slots.queue}</strong> it runs at once. It holds from its next ask on; what runs is not stopped.</>}
      ask={() => asked(hub.PATCH("/api/nodes/{site}/{name}/", { params: { path: { site: node.site, name: node.name } }, body: { queue: slots.queue, function: slots.function, slots: wanted } }))}
      done={() => (settled(`Node ${node.name}: ${plural(wanted ?? slots.started, "slot")} for ${slots.queue}/${slots.function}.`), close())}>
      <NumberInput label="Slots" description="0: it serves none" min={0} max={1000} disabled={usual} value={value} onChange={setValue} data-autofocus />
      <Checkbox label={`As it was started: ${slots.started}`} checked={usual} onChange={(event) => setUsual(event.currentTarget.checked)} />
    </Asking>
  );
}

export function NewSiteDialog({ close, made }: { close: () => void; made: (name: string) => void }) {
  const [name, setName] = useState("");
  const settled = useSettled();
  return (
    <Asking title="Add a site" verb="Add the site" ready={name.trim() !== ""} close={close}
      about="A site is a place with files, and all nodes that bear its name. Its first node joins with a token, which is the next step."
      ask={() => asked(hub.POST("/api/sites/", { body: { name: name.trim() } }))}
      done={(site) => (settled(`Site ${site.name} was added.`), close(), made(site.name))}>
      <TextInput label="Name" placeholder="rome" required data-autofocus value={name} onChange={(event) => setName(event.currentTarget.value)} />
      <Text size="xs" c="dimmed">Paths, targets and people refer to it by this name; it stays.</Text>
    </Asking>
  );
}
