/** Webhooks: where events are sent, of which, and what became of each; the secret of a new one is shown once. */
import { Button, Group, TagsInput, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { asked, hub, type Schemas } from "~/api/client";
import { workflowNamesQuery } from "~/api/queries";
import { webhooksQuery, type Webhook } from "~/api/telling";
import { count, plural } from "~/format/numbers";
import { Asking, Opens } from "~/parts/Asking";
import { Icon } from "~/parts/Icon";
import { Once } from "~/parts/Once";
import { Time } from "~/parts/Shown";
import { TYPED } from "~/parts/SiteSelect";
import { Empty, tellDone, tellTrouble, Trouble, Waiting } from "~/parts/Standing";
import { Tag } from "~/parts/Tag";
import { Trying } from "~/parts/Trying";
import { Deliveries } from "./Deliveries";
import css from "./Settings.module.css";
import { OFFERED, wantsOf } from "./standing";

export function Webhooks() {
  const hooks = useQuery(webhooksQuery);
  const [made, setMade] = useState<Schemas["MadeWebhook"]>();
  const add = (size: "xs" | "sm", variant: "default" | "filled") => (
    <Opens size={size} variant={variant} icon={<Icon name="plus" size={14} />} dialog={(close) => <NewWebhookDialog close={close} made={(one) => (close(), setMade(one))} />}>Add a webhook</Opens>
  );
  return (
    <>
      {hooks.isPending ? <Waiting rows={3} /> : !hooks.data ? <Trouble error={hooks.error} again={() => void hooks.refetch()} />
        : hooks.data.count === 0 ? <Empty icon="webhook" title="No webhook yet" action={add("sm", "filled")}>A webhook is a URL of yours that the hub tells of events as they happen, signed as Standard Webhooks has it.</Empty>
        : (
          <>
            <div className={css.bar}><span className="dim">{plural(hooks.data.count, "webhook")}</span><span style={{ marginLeft: "auto" }}>{add("xs", "default")}</span></div>
            <ul className={css.settings} aria-label="Webhooks">{hooks.data.results.map((hook) => <Line key={hook.id} hook={hook} />)}</ul>
          </>
        )}
      {made && <Once title="A new webhook" close={() => setMade(undefined)} about={<>Shown this once: with it the receiver at <span className="mono">{made.webhook.url}</span> checks that what comes is from this hub.</>} secrets={[{ name: "Secret", text: made.secret }]} />}
    </>
  );
}

function useSettled(): (told: string) => void {
  const client = useQueryClient();
  return (told) => {
    tellDone(told);
    void client.invalidateQueries({ queryKey: ["webhooks"] });
  };
}

function Line({ hook }: { hook: Webhook }) {
  const settled = useSettled();
  const params = { path: { webhook_id: hook.id } };
  const turn = useMutation({ mutationFn: () => asked(hub.PATCH("/api/webhooks/{webhook_id}/", { params, body: { disabled: !hook.disabled } })), onSuccess: () => settled(hook.disabled ? `Webhook ${hook.id} is told again, also of what came meanwhile.` : `Nothing is sent to webhook ${hook.id}; what comes waits.`), onError: tellTrouble });
  return (
    <li className={css.hook} data-webhook={hook.id}>
      <div className={css.what}>
        <h2><span className="mono" style={{ overflowWrap: "anywhere" }}>{hook.url}</span> <Tag {...(hook.disabled ? { tone: "still" as const, word: "Off" } : { tone: "good" as const, word: "On" })} title={hook.disabled ? "Nothing is sent there; what comes meanwhile waits" : "Events are sent there"} /></h2>
        <p>Told of {wantsOf(hook)}.</p>
        <p className="dim">Webhook {hook.id}, added by {hook.made_by}, <Time at={hook.created_at} />.</p>
      </div>
      <div className={css.asks}>
        <Opens size="compact-xs" label={`Test webhook ${hook.id}`} dialog={(close) => <TestDialog id={hook.id} close={close} />}>Test</Opens>
        <Opens size="compact-xs" label={`Deliveries of webhook ${hook.id}`} dialog={(close) => <Deliveries hook={hook} close={close} />}>Deliveries</Opens>
        <Opens size="compact-xs" label={`Send again to webhook ${hook.id}`} dialog={(close) => <ReplayDialog id={hook.id} close={close} />}>Send again</Opens>
        <Button size="compact-xs" variant="default" aria-label={`${hook.disabled ? "Turn on" : "Turn off"} webhook ${hook.id}`} loading={turn.isPending} onClick={() => turn.mutate()}>{hook.disabled ? "Turn on" : "Turn off"}</Button>
        <Opens size="compact-xs" label={`Remove webhook ${hook.id}`} dialog={(close) => (
          <Asking title={`Remove webhook ${hook.id}`} verb="Remove it" danger about="Nothing is sent there any more. What waits for it, and the list of its deliveries, goes with it." close={close}
            ask={() => asked(hub.DELETE("/api/webhooks/{webhook_id}/", { params }))} done={() => (close(), settled(`Webhook ${hook.id} was removed.`))} />
        )}>Remove</Opens>
      </div>
    </li>
  );
}

function TestDialog({ id, close }: { id: number; close: () => void }) {
  const params = { path: { webhook_id: id } };
  return (
    <Trying title={`Test webhook ${id}`} about={["webhook", id]} close={close}
      send={async () => (await asked(hub.POST("/api/webhooks/{webhook_id}/test/", { params }))).delivery}
      look={async (number) => {
        const page = await asked(hub.GET("/api/webhooks/{webhook_id}/deliveries/", { params: { ...params, query: { page_size: 20 } } }));
        const one = page.results.find((delivery) => delivery.id === number);
        return one && { state: one.state, said: [one.status !== null && `The receiver answered with status ${one.status}.`, one.error].filter(Boolean).join(" ") };
      }} />
  );
}

function ReplayDialog({ id, close }: { id: number; close: () => void }) {
  const [since, setSince] = useState("");
  const settled = useSettled();
  const number = /^\d{1,15}$/.test(since.trim()) ? Number(since) : 0;
  return (
    <Asking title={`Send events again to webhook ${id}`} verb="Send them again" ready={number > 0} close={close} about="All that it wants from an event on, as far as it is kept; 10,000 at most. Each bears the number it had, so that the receiver can tell."
      ask={() => asked(hub.POST("/api/webhooks/{webhook_id}/replay/", { params: { path: { webhook_id: id } }, body: { since: number } }))} done={({ events }) => (settled(`${count(events)} ${events === 1 ? "event is" : "events are"} sent again.`), close())}>
      <TextInput label="From event" placeholder="4711" inputMode="numeric" required data-autofocus value={since} onChange={(event) => setSince(event.currentTarget.value)} />
    </Asking>
  );
}

function NewWebhookDialog({ close, made }: { close: () => void; made: (one: Schemas["MadeWebhook"]) => void }) {
  const [url, setUrl] = useState("");
  const [events, setEvents] = useState<string[]>(["job.ended"]);
  const [workflow, setWorkflow] = useState("");
  const [typed] = useDebouncedValue(workflow, TYPED);
  const workflows = useQuery(workflowNamesQuery(typed));
  const client = useQueryClient();
  return (
    <Asking title="Add a webhook" verb="Add the webhook" ready={/^https?:\/\/./.test(url.trim())} close={close} about="The hub sends events there from now on, each until it is taken. Its secret is shown once, next."
      ask={() => asked(hub.POST("/api/webhooks/", { body: { url: url.trim(), events, job_workflow: workflow || null } }))}
      done={(one) => (void client.invalidateQueries({ queryKey: ["webhooks"] }), made(one))}>
      <TextInput label="URL" placeholder="https://example.org/towpath" type="url" required data-autofocus value={url} onChange={(event) => setUrl(event.currentTarget.value)} />
      <TagsInput label="Events" description="Kinds, or all that begin so: job.*. None: every event" data={[...OFFERED]} value={events} onChange={setEvents} clearable clearButtonProps={{ "aria-label": "Every event" }} splitChars={[",", " "]} acceptValueOnBlur />
      <Group align="end" grow><TextInput label="Only of jobs of a workflow" placeholder="any" list="workflows" value={workflow} onChange={(event) => setWorkflow(event.currentTarget.value)} /></Group>
      <datalist id="workflows">{(workflows.data?.results ?? []).map((one) => <option key={one.name} value={one.name} />)}</datalist>
    </Asking>
  );
}
