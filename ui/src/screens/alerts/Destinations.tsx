/** Destinations: who is told of alerts, of which, and what became of what was sent there. */
import { Button, Modal, MultiSelect, PasswordInput, Select, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { asked, hub } from "~/api/client";
import { destinationsQuery, noticesQuery, type AlertKind, type Destination, type Severity } from "~/api/telling";
import { plural } from "~/format/numbers";
import { Asking, Opens } from "~/parts/Asking";
import { Icon } from "~/parts/Icon";
import { Time } from "~/parts/Shown";
import { Empty, tellDone, tellTrouble, Trouble, Waiting } from "~/parts/Standing";
import { Tag } from "~/parts/Tag";
import { Trying } from "~/parts/Trying";
import css from "./Alerts.module.css";
import { ALL_KINDS, KINDS, SEVERITIES, sentOf, severityOf } from "./standing";

export function Destinations() {
  const list = useQuery(destinationsQuery);
  const add = (size: "xs" | "sm", variant: "default" | "filled") => <Opens size={size} variant={variant} icon={<Icon name="plus" size={14} />} dialog={(close) => <NewDestinationDialog close={close} />}>Add a destination</Opens>;
  if (list.isPending) return <Waiting rows={3} />;
  if (!list.data) return <Trouble error={list.error} again={() => void list.refetch()} />;
  if (list.data.count === 0) return <Empty icon="bell" title="Nobody is told yet" action={add("sm", "filled")}>Add where alerts are sent: mail, Slack, Teams, PagerDuty, ntfy and over a hundred other services, each by a URL. Until then they stand here alone.</Empty>;
  return (
    <>
      <div className={css.bar}><span className="dim">{plural(list.data.count, "destination")}</span><span style={{ marginLeft: "auto" }}>{add("xs", "default")}</span></div>
      <ul className={css.alerts} aria-label="Destinations">{list.data.results.map((one) => <Line key={one.name} one={one} />)}</ul>
    </>
  );
}

/** Tells what was done, and reads destinations anew. */
function useSettled(): (told: string) => void {
  const client = useQueryClient();
  return (told) => {
    tellDone(told);
    void client.invalidateQueries({ queryKey: ["alerts", "destinations"] });
  };
}

function Line({ one }: { one: Destination }) {
  const settled = useSettled();
  const path = { path: { name: one.name } };
  const turn = useMutation({ mutationFn: () => asked(hub.PATCH("/api/alerts/destinations/{name}/", { params: path, body: { disabled: !one.disabled } })), onSuccess: () => settled(one.disabled ? `${one.name} is told again.` : `Nothing is sent to ${one.name}.`), onError: tellTrouble });
  return (
    <li className={css.destination} data-destination={one.name}>
      <div className={css.what}>
        <h2>{one.name} {one.disabled && <Tag tone="still" word="Off" title="Nothing is sent there; what waits goes on waiting" />}</h2>
        <p className="mono" style={{ overflowWrap: "anywhere" }}>{one.shown}</p>
        <p className="dim">Told of {one.kinds.length ? one.kinds.map((kind) => KINDS[kind].title.toLowerCase()).join(", ") : "every kind"}, from {severityOf(one.least_severity).word.toLowerCase()} on. Added by {one.made_by}, <Time at={one.created_at} />.</p>
      </div>
      <div className={css.asks}>
        <Opens size="compact-xs" label={`Test ${one.name}`} dialog={(close) => <TestDialog name={one.name} close={close} />}>Test</Opens>
        <Opens size="compact-xs" label={`What was sent to ${one.name}`} dialog={(close) => <NoticesDialog name={one.name} close={close} />}>Sent</Opens>
        <Opens size="compact-xs" label={`Change ${one.name}`} dialog={(close) => <ChangeDialog one={one} close={close} />}>Change</Opens>
        <Button size="compact-xs" variant="default" aria-label={`${one.disabled ? "Turn on" : "Turn off"} ${one.name}`} loading={turn.isPending} onClick={() => turn.mutate()}>{one.disabled ? "Turn on" : "Turn off"}</Button>
        <Opens size="compact-xs" label={`Remove ${one.name}`} dialog={(close) => (
          <Asking title={`Remove ${one.name}`} verb="Remove it" danger about="Nobody is told there any more. What waits for it, and the list of what was sent, goes with it." close={close}
            ask={() => asked(hub.DELETE("/api/alerts/destinations/{name}/", { params: path }))} done={() => (close(), settled(`${one.name} was removed.`))} />
        )}>Remove</Opens>
      </div>
    </li>
  );
}

function TestDialog({ name, close }: { name: string; close: () => void }) {
  const params = { path: { name } };
  return (
    <Trying title={`Test ${name}`} about={["destination", name]} close={close}
      send={async () => (await asked(hub.POST("/api/alerts/destinations/{name}/test/", { params }))).notice}
      look={async (number) => {
        const page = await asked(hub.GET("/api/alerts/destinations/{name}/notices/", { params: { ...params, query: { page_size: 20 } } }));
        const notice = page.results.find((one) => one.id === number);
        return notice && { state: notice.state, said: notice.state === "delivered" ? "The service took the message. Look whether it came to those who are to read it." : notice.error };
      }} />
  );
}

function NoticesDialog({ name, close }: { name: string; close: () => void }) {
  const list = useQuery({ ...noticesQuery(name), refetchInterval: 5000 });
  return (
    <Modal opened onClose={close} title={`What was sent to ${name}`} size="xl" centered closeButtonProps={{ "aria-label": "Close" }}>
      {list.isPending ? <Waiting rows={4} /> : !list.data ? <Trouble error={list.error} again={() => void list.refetch()} />
        : list.data.results.length === 0 ? <Empty icon="bell" title="Nothing yet">The next alert that fits is sent there; a test can be sent now.</Empty>
        : (
          <div className="scroll" tabIndex={0} role="region" aria-label="Notices">
            <table className="plain">
              <thead><tr><th>State</th><th>What</th><th>When</th><th className="num">Tries</th><th>Why not</th></tr></thead>
              <tbody>{list.data.results.map((notice) => (
                <tr key={notice.id}>
                  <td><Tag {...sentOf(notice)} /></td><td>{notice.says === "test" ? "A test" : `Alert ${notice.alert ?? ""} was ${notice.says}`}</td><td><Time at={notice.tried_at ?? notice.created_at} /></td><td className="num">{notice.attempts}</td>
                  <td>{notice.state === "delivered" ? "" : notice.error}{notice.state === "waiting" && notice.attempts > 0 && <> Again <Time at={notice.due_at} />.</>}</td>
                </tr>
              ))}</tbody>
            </table>
          </div>
        )}
    </Modal>
  );
}

function Wants({ kinds, setKinds, least, setLeast }: { kinds: AlertKind[]; setKinds: (kinds: AlertKind[]) => void; least: Severity; setLeast: (least: Severity) => void }) {
  return (
    <>
      <Select label="From which severity on" allowDeselect={false} data={SEVERITIES.map((one) => ({ value: one, label: severityOf(one).word }))} value={least} onChange={(value) => setLeast(SEVERITIES.find((one) => one === value) ?? least)} />
      <MultiSelect label="Of which kinds" placeholder={kinds.length ? undefined : "Every kind"} clearable data={ALL_KINDS.map((one) => ({ value: one, label: KINDS[one].title }))} value={kinds} onChange={(values) => setKinds(ALL_KINDS.filter((one) => values.includes(one)))} clearButtonProps={{ "aria-label": "Every kind" }} />
    </>
  );
}

function NewDestinationDialog({ close }: { close: () => void }) {
  const [name, setName] = useState("");
  const [url, setUrl] = useState("");
  const [least, setLeast] = useState<Severity>("warning");
  const [kinds, setKinds] = useState<AlertKind[]>([]);
  const settled = useSettled();
  return (
    <Asking title="Add a destination" verb="Add it" ready={name.trim() !== "" && url.trim() !== ""} close={close} about="Alerts are sent there from now on. Send a test once it is added."
      ask={() => asked(hub.POST("/api/alerts/destinations/", { body: { name: name.trim(), url: url.trim(), kinds, least_severity: least } }))} done={(one) => (settled(`${one.name} is told of alerts.`), close())}>
      <TextInput label="Name" placeholder="operators" required data-autofocus value={name} onChange={(event) => setName(event.currentTarget.value)} />
      <PasswordInput label="URL" description={<>As Apprise writes it: mailtos://…, slack://…, ntfys://…. It is a password: kept encrypted, and never shown again.</>} placeholder="slack://…" required autoComplete="off" value={url} onChange={(event) => setUrl(event.currentTarget.value)}
        visibilityToggleButtonProps={{ "aria-label": "Show the URL" }} />
      <Wants kinds={kinds} setKinds={setKinds} least={least} setLeast={setLeast} />
    </Asking>
  );
}

function ChangeDialog({ one, close }: { one: Destination; close: () => void }) {
  const [least, setLeast] = useState(one.least_severity);
  const [kinds, setKinds] = useState(one.kinds);
  const settled = useSettled();
  return (
    <Asking title={`Of what ${one.name} is told`} verb="Change it" close={close} about="What waits for it goes on waiting. For another URL, remove it and add it anew."
      ask={() => asked(hub.PATCH("/api/alerts/destinations/{name}/", { params: { path: { name: one.name } }, body: { kinds, least_severity: least } }))} done={() => (settled(`${one.name} was changed.`), close())}>
      <Wants kinds={kinds} setKinds={setKinds} least={least} setLeast={setLeast} />
    </Asking>
  );
}
