/** The settings that are kept in the database: what holds, what may be put there, who changed it; changed and put back. */
import { NumberInput, Select, Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { asked, hub, Problem } from "~/api/client";
import { settingsQuery, type Setting } from "~/api/telling";
import { Asking, Opens } from "~/parts/Asking";
import { Time } from "~/parts/Shown";
import { tellDone, Trouble, Waiting } from "~/parts/Standing";
import css from "./Settings.module.css";
import { boundsOf, fits, lost, titleOf, valueOf } from "./standing";

interface Read {
  settings: readonly Setting[];
  tag: string | undefined;
}

export function Kept() {
  const settings = useQuery(settingsQuery);
  if (settings.isPending) return <Waiting rows={4} />;
  if (!settings.data) return <Trouble error={settings.error} again={() => void settings.refetch()} />;
  const read = { settings: settings.data.found.results, tag: settings.data.tag };
  return (
    <>
      <Text size="sm" c="dimmed" className={css.about}>They hold at every hub on this database within seconds, and after a restart too. All else of a hub is fixed while it runs.</Text>
      <ul className={css.settings} aria-label="Settings">{read.settings.map((one) => <Line key={one.name} one={one} read={read} />)}</ul>
    </>
  );
}

function Line({ one, read }: { one: Setting; read: Read }) {
  const title = titleOf(one.name);
  return (
    <li className={css.setting} data-setting={one.name}>
      <div className={css.what}>
        <h2>{title} <span className="mono dim">{one.name}</span></h2>
        <p>{one.description}</p>
        <p className="dim">{one.set_by ? <>Set by {one.set_by}, <Time at={one.set_at} />; the hub was started with {valueOf(one, one.default)}.</> : "As the hub was started."} It takes {boundsOf(one)}.</p>
      </div>
      <strong className={css.value}>{valueOf(one, one.value)}</strong>
      <div className={css.asks}>
        <Opens size="compact-xs" label={`Change ${title}`} dialog={(close) => <ChangeDialog one={one} read={read} close={close} />}>Change</Opens>
        {one.set_by && <Opens size="compact-xs" label={`Reset ${title}`} dialog={(close) => <ResetDialog one={one} read={read} close={close} />}>Reset</Opens>}
      </div>
    </li>
  );
}

/** Changes a setting as it was read when the dialog opened; where somebody was faster nothing is changed, and it is told who. */
function useChange(name: string, read: Read, close: () => void): (value: Setting["value"] | null) => { ask: () => Promise<string>; done: (told: string) => void } {
  const client = useQueryClient();
  const [meant, setMeant] = useState(read);
  return (value) => ({
    ask: async () => {
      try {
        const answer = await asked(hub.PATCH("/api/settings/", { params: { header: { "If-Match": meant.tag } }, body: { [name]: value } }));
        const now = answer.results.find((one) => one.name === name);
        return now ? `${titleOf(name)}: ${valueOf(now, now.value)}.` : "";
      } catch (error) {
        if (!(error instanceof Problem) || error.status !== 412) throw error;
        const fresh = await client.fetchQuery({ ...settingsQuery, staleTime: 0 });
        setMeant({ settings: fresh.found.results, tag: fresh.tag });
        throw new Problem(412, "Somebody was faster", lost(meant.settings, fresh.found.results));
      }
    },
    done: (told) => {
      tellDone(told);
      void client.invalidateQueries({ queryKey: ["settings"] });
      close();
    },
  });
}

function ChangeDialog({ one, read, close }: { one: Setting; read: Read; close: () => void }) {
  const [value, setValue] = useState<number | string>(one.value);
  const change = useChange(one.name, read, close)(one.words ? String(value) : Number(value));
  const good = fits(one, value);
  return (
    <Asking title={titleOf(one.name)} verb="Change it" about={one.description} close={close} ready={good} {...change}>
      {one.words ? <Select label={titleOf(one.name)} allowDeselect={false} data={one.words} value={String(value)} onChange={(next) => setValue(next ?? value)} data-autofocus />
        : <NumberInput label={`${titleOf(one.name)}, in ${one.unit}`} description={`From ${boundsOf(one)}`} min={one.least ?? 0} max={one.most ?? undefined} clampBehavior="none" thousandSeparator="," error={good ? undefined : `From ${boundsOf(one)}, please`} value={value} onChange={setValue} data-autofocus />}
    </Asking>
  );
}

function ResetDialog({ one, read, close }: { one: Setting; read: Read; close: () => void }) {
  const change = useChange(one.name, read, close)(null);
  return <Asking title={`Reset ${titleOf(one.name).toLowerCase()}`} verb="Reset it" about={`It is ${valueOf(one, one.value)}, and is put back to ${valueOf(one, one.default)}, with which the hub was started.`} close={close} {...change} />;
}
