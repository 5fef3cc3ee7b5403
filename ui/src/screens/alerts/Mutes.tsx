/** Mutes: of which alerts nobody is told for a while, why, and until when. */
import { Select, TextInput, VisuallyHidden } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { asked, hub } from "~/api/client";
import { mutesQuery, type AlertKind, type Mute } from "~/api/telling";
import { plural } from "~/format/numbers";
import { Asking, Opens } from "~/parts/Asking";
import { Icon } from "~/parts/Icon";
import { Time } from "~/parts/Shown";
import { Empty, tellDone, Trouble, Waiting } from "~/parts/Standing";
import { useMay } from "~/shell/rights";
import { momentOf, When } from "../sites/changes";
import css from "./Alerts.module.css";
import { ALL_KINDS, KINDS, ledTo, mutedBy } from "./standing";

export function Mutes() {
  const mutes = useQuery(mutesQuery);
  const may = useMay("run");
  const add = may && <Opens size="xs" icon={<Icon name="plus" size={14} />} dialog={(close) => <MuteDialog close={close} />}>Mute alerts</Opens>;
  if (mutes.isPending) return <Waiting rows={3} />;
  if (!mutes.data) return <Trouble error={mutes.error} again={() => void mutes.refetch()} />;
  if (mutes.data.count === 0) return <Empty icon="muted" title="Nothing is muted" action={add}>While something is being mended, mute its alerts: they are raised, listed and cleared all the same, and nobody is told.</Empty>;
  return (
    <>
      <div className={css.bar}><span className="dim">{plural(mutes.data.count, "mute")}</span><span style={{ marginLeft: "auto" }}>{add}</span></div>
      <div className="scroll" tabIndex={0} role="region" aria-label="Mutes">
        <table className="plain">
          <thead><tr><th>Nobody is told of</th><th>Why</th><th>By</th><th>Since</th><th>Until</th>{may && <th><VisuallyHidden>Actions</VisuallyHidden></th>}</tr></thead>
          <tbody>{mutes.data.results.map((mute) => (
            <tr key={mute.id} data-mute={mute.id}>
              <td><strong>{mutedBy(mute)}</strong></td><td>{mute.why}</td><td>{mute.by}</td><td><Time at={mute.at} /></td><td><Time at={mute.until} none="it is taken back" /></td>
              {may && <td className="num"><Unmute mute={mute} /></td>}
            </tr>
          ))}</tbody>
        </table>
      </div>
    </>
  );
}

function useSettled(): (told: string) => void {
  const client = useQueryClient();
  return (told) => {
    tellDone(told);
    void client.invalidateQueries({ queryKey: ["alerts"] });
  };
}

function Unmute({ mute }: { mute: Mute }) {
  const settled = useSettled();
  return (
    <Opens size="compact-xs" label={`Unmute ${mutedBy(mute)}`} dialog={(close) => (
      <Asking title="Tell people again" verb="Unmute" about={`${mutedBy(mute)}. Of what stands people are told within ten seconds.`} close={close}
        ask={() => asked(hub.DELETE("/api/alerts/mutes/{mute_id}/", { params: { path: { mute_id: mute.id } } }))} done={() => (close(), settled("People are told again."))} />
    )}>Unmute</Opens>
  );
}

/** Of one alert, or of whatever is said in it. */
export function MuteDialog({ kind, thing, close }: { kind?: AlertKind; thing?: string; close: () => void }) {
  const [of, setOf] = useState<AlertKind | null>(kind ?? null);
  const [what, setWhat] = useState(thing ?? "");
  const [why, setWhy] = useState("");
  const [until, setUntil] = useState("");
  const settled = useSettled();
  return (
    <Asking title="Mute alerts" verb="Mute" close={close} ready={why.trim() !== ""} about="They are raised, listed and cleared all the same; nobody is told. When the mute ends, people are told of what still stands."
      ask={() => asked(hub.POST("/api/alerts/mutes/", { body: { kind: of, thing: what.trim() || null, why: why.trim(), until: momentOf(until) } }))} done={(mute) => (settled(`Muted: ${mutedBy(mute)}.`), close())}>
      <Select label="Of which kind" placeholder="Any kind" clearable clearButtonProps={{ "aria-label": "Any kind" }} data={ALL_KINDS.map((one) => ({ value: one, label: KINDS[one].title }))} value={of} onChange={(value) => setOf(ALL_KINDS.find((one) => one === value) ?? null)} />
      <TextInput label="Of what" description={what ? ledTo(what).word : "Left empty: of anything. site/NAME, node/SITE/NAME, job/ID, root/SITE/NAME or hub/NAME"} placeholder="anything" value={what} onChange={(event) => setWhat(event.currentTarget.value)} />
      <TextInput label="Why" placeholder="its disk is being replaced" required maxLength={500} data-autofocus value={why} onChange={(event) => setWhy(event.currentTarget.value)} />
      <When label="Until" hint="Left empty: until it is taken back" value={until} set={setUntil} />
    </Asking>
  );
}
