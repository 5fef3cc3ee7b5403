/** The dialogs that add, change and remove targets and buckets. */
import { ActionIcon, Autocomplete, Button, PasswordInput, SegmentedControl, Select, Text, TextInput } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { asked, hub } from "~/api/client";
import { bucketsQuery, type Bucket } from "~/api/places";
import { Asking } from "~/parts/Asking";
import { Icon } from "~/parts/Icon";
import { tellDone } from "~/parts/Standing";
import { credentialsOf, namesFor, type Credential } from "./keys";
import css from "./Targets.module.css";

/** Tells what was done, and reads targets and buckets anew. */
export function useSettled(): (told: string) => void {
  const client = useQueryClient();
  return (told) => {
    tellDone(told);
    void client.invalidateQueries({ queryKey: ["targets"] });
    void client.invalidateQueries({ queryKey: ["buckets"] });
  };
}

const URLS = "file:///archive · s3://bucket/prefix?endpoint=https://… · az://container/prefix?account=… · sftp://server/directory";

function Credentials({ url, lines, set }: { url: string; lines: readonly Credential[]; set: (lines: readonly Credential[]) => void }) {
  const put = (at: number, more: Partial<Credential>): void => set(lines.map((line, index) => (index === at ? { ...line, ...more } : line)));
  return (
    <fieldset style={{ border: 0, padding: 0, margin: 0, display: "flex", flexDirection: "column", gap: 8 }}>
      <Text component="legend" size="sm" fw={500}>Credentials</Text>
      <Text size="xs" c="dimmed">Kept encrypted, and sealed to the nodes that need them; the hub never shows them again. Without any, those of the node's machine are used.</Text>
      {lines.map((line, at) => (
        <div key={at} className={css.pair}>
          <Autocomplete label="Name" size="xs" data={[...namesFor(url)]} value={line.name} onChange={(name) => put(at, { name })} />
          <PasswordInput label="Value" size="xs" autoComplete="off" value={line.value} onChange={(event) => put(at, { value: event.currentTarget.value })} visibilityToggleButtonProps={{ "aria-label": "Show the value" }} />
          <ActionIcon variant="subtle" color="gray" aria-label={`Leave out ${line.name || "this line"}`} onClick={() => set(lines.filter((_, index) => index !== at))}><Icon name="close" size={14} /></ActionIcon>
        </div>
      ))}
      <div><Button size="compact-xs" variant="default" leftSection={<Icon name="plus" size={13} />} onClick={() => set([...lines, { name: namesFor(url)[lines.length] ?? "", value: "" }])}>Add one</Button></div>
    </fieldset>
  );
}

export function NewTargetDialog({ close, made }: { close: () => void; made: (name: string) => void }) {
  const buckets = useQuery(bucketsQuery);
  const [where, setWhere] = useState<"url" | "bucket">("url");
  const [name, setName] = useState("");
  const [url, setUrl] = useState("");
  const [bucket, setBucket] = useState<string | null>(null);
  const [prefix, setPrefix] = useState("");
  const [storage, setStorage] = useState("");
  const [lines, setLines] = useState<readonly Credential[]>([]);
  const settled = useSettled();
  const body = where === "url" ? { url: url.trim(), credentials: credentialsOf(lines), prefix: "" } : { bucket: bucket ?? "", prefix, credentials: {} };
  return (
    <Asking title="Add a target" verb="Add the target" close={close} ready={name.trim() !== "" && (where === "url" ? url.trim() !== "" : bucket !== null)} about="Where data goes: a place in a bucket, with the way in which keys are made there."
      ask={() => asked(hub.POST("/api/targets/", { body: { name: name.trim(), storage_class: storage, template: "", ...body } }))}
      done={(target) => (settled(`Target ${target.name} was added.`), close(), made(target.name))}>
      <TextInput label="Name" placeholder="tape" required data-autofocus value={name} onChange={(event) => setName(event.currentTarget.value)} />
      <SegmentedControl fullWidth aria-label="Where" value={where} onChange={(value) => setWhere(value as typeof where)} data={[{ value: "url", label: "At a URL" }, { value: "bucket", label: "In a bucket that is there", disabled: !buckets.data?.count }]} />
      {where === "url" ? (
        <>
          <TextInput label="URL" description={URLS} required value={url} onChange={(event) => setUrl(event.currentTarget.value)} />
          <Credentials url={url} lines={lines} set={setLines} />
        </>
      ) : (
        <>
          <Select label="Bucket" required searchable limit={100} value={bucket} onChange={setBucket} data={(buckets.data?.results ?? []).map((one) => one.name)} />
          <TextInput label="Prefix" description="Beneath what its objects stand in the bucket" value={prefix} onChange={(event) => setPrefix(event.currentTarget.value)} />
        </>
      )}
      <TextInput label="Storage class" description="Left empty: the store's own" placeholder="STANDARD_IA" value={storage} onChange={(event) => setStorage(event.currentTarget.value)} />
    </Asking>
  );
}

export function NewBucketDialog({ close }: { close: () => void }) {
  const [name, setName] = useState("");
  const [url, setUrl] = useState("");
  const [lines, setLines] = useState<readonly Credential[]>([]);
  const settled = useSettled();
  return (
    <Asking title="Add a bucket" verb="Add the bucket" close={close} ready={name.trim() !== "" && url.trim() !== ""} about="A place with its credentials, in which several targets can lie."
      ask={() => asked(hub.POST("/api/buckets/", { body: { name: name.trim(), url: url.trim(), credentials: credentialsOf(lines) } }))}
      done={(bucket) => (settled(`Bucket ${bucket.name} was added.`), close())}>
      <TextInput label="Name" placeholder="cloud" required data-autofocus value={name} onChange={(event) => setName(event.currentTarget.value)} />
      <TextInput label="URL" description={URLS} required value={url} onChange={(event) => setUrl(event.currentTarget.value)} />
      <Credentials url={url} lines={lines} set={setLines} />
    </Asking>
  );
}

export function CredentialsDialog({ bucket, close }: { bucket: Bucket; close: () => void }) {
  const [lines, setLines] = useState<readonly Credential[]>(namesFor(bucket.url).slice(0, 2).map((name) => ({ name, value: "" })));
  const settled = useSettled();
  return (
    <Asking title={`Other credentials for ${bucket.name}`} verb="Use these" close={close} about="They take the place of those that it has, all of them; nodes use them from their next task on."
      ask={() => asked(hub.PUT("/api/buckets/{name}/credentials/", { params: { path: { name: bucket.name } }, body: credentialsOf(lines) }))}
      done={() => (settled(`Bucket ${bucket.name} has other credentials.`), close())}>
      <Credentials url={bucket.url} lines={lines} set={setLines} />
    </Asking>
  );
}

export function RemoveDialog({ what, name, close, gone }: { what: "target" | "bucket"; name: string; close: () => void; gone?: () => void }) {
  const settled = useSettled();
  const params = { path: { name } };
  return (
    <Asking<unknown> title={`Remove ${what} ${name}`} verb={`Remove ${what} ${name}`} danger close={close} about="What stands there stays there; the hub forgets the way. It is refused while something still relies on it."
      ask={() => (what === "target" ? asked(hub.DELETE("/api/targets/{name}/", { params })) : asked(hub.DELETE("/api/buckets/{name}/", { params })))}
      done={() => (close(), gone?.(), settled(`${what === "target" ? "Target" : "Bucket"} ${name} was removed.`))} />
  );
}
