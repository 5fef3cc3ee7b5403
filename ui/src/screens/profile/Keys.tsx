/** My API keys: made and shown once, with their ends, scopes and last use; revoked when they are not needed. */
import { Checkbox, Select, Stack, TextInput } from "@mantine/core";
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { asked, hub, type Schemas } from "~/api/client";
import { keysQuery, type Key, type Right } from "~/api/people";
import type { Me } from "~/api/queries";
import { Asking, Opens } from "~/parts/Asking";
import { Icon } from "~/parts/Icon";
import { Once } from "~/parts/Once";
import { Panel } from "~/parts/Page";
import { Time, useNow } from "~/parts/Shown";
import { Empty, tellDone, Trouble, Waiting } from "~/parts/Standing";
import { Tag } from "~/parts/Tag";
import { Virtual } from "../job/Virtual";
import css from "./Profile.module.css";
import { endAfter, isOpen, MEANT, standingOf } from "./standing";

const ENDS = [{ value: "1", label: "In a day" }, { value: "30", label: "In 30 days" }, { value: "90", label: "In 90 days" }, { value: "365", label: "In a year" }, { value: "", label: "Never" }];

export function Keys({ me }: { me: Me }) {
  const list = useInfiniteQuery(keysQuery);
  const keys = useMemo(() => list.data?.pages.flatMap((page) => page.results) ?? [], [list.data]);
  const [made, setMade] = useState<Schemas["MadeKey"]>();
  const make = (size: "xs" | "sm", variant: "default" | "filled") => (
    <Opens size={size} variant={variant} icon={<Icon name="plus" size={14} />} dialog={(close) => <KeyDialog me={me} close={close} made={(key) => (close(), setMade(key))} />}>Make a key</Opens>
  );
  return (
    <Panel title="API keys" actions={make("xs", "default")}>
      {list.isPending ? <Waiting rows={3} /> : !list.data ? <Trouble error={list.error} again={() => void list.refetch()} />
        : keys.length === 0 ? <Empty icon="key" title="No key yet" action={make("sm", "filled")}>With a key, a program asks the hub in your name: the command line, a script, a nightly run.</Empty>
        : <Virtual rows={keys} height={42} label="API keys" heads={["For what", "Begins", "State", "May", "Made", "Last used", "Ends", "Actions"]} layout={css.krow} cells={cellsOf} more={list.hasNextPage ? () => void list.fetchNextPage() : undefined} busy={list.isFetchingNextPage} />}
      {made && <Once title={made.label || "A new key"} close={() => setMade(undefined)} about="Shown this once: the hub keeps no more than how it begins. Keep it as you would a password." secrets={[{ name: "Key", text: made.key }, { name: "As a header", text: `Authorization: Api-Key ${made.key}` }]} />}
    </Panel>
  );
}

const cellsOf = (key: Key) => [
  key.label || <span className="dim">nobody said</span>, <span key="s" className="mono">{key.start}…</span>, <Standing key="t" of={key} />, <span key="m" title={key.scopes?.join(", ")}>{key.scopes?.join(", ") ?? "all that I may"}</span>,
  <Time key="c" at={key.created_at} />, <Time key="u" at={key.used_at} none="never" />, <Time key="e" at={key.expires_at} none="never" />, <Revoke key={`r ${key.id}`} of={key} />,
];

const Standing = ({ of }: { of: Key }) => <Tag {...standingOf(of, useNow())} />;

function Revoke({ of }: { of: Key }) {
  const client = useQueryClient();
  const now = useNow();
  if (!isOpen(of, now)) return null;
  return (
    <Opens size="compact-xs" label={`Revoke key ${of.label || of.start}`} dialog={(close) => (
      <Asking title={`Revoke ${of.label || of.start}`} verb="Revoke it" danger about="Whatever uses it is refused from its next call on. This cannot be taken back." close={close}
        ask={() => asked(hub.DELETE("/api/auth/clientkeys/{key_id}/", { params: { path: { key_id: of.id } } }))}
        done={() => (close(), tellDone(`Key ${of.label || of.start} opens nothing any more.`), void client.invalidateQueries({ queryKey: ["keys"] }))} />
    )}>Revoke</Opens>
  );
}

function KeyDialog({ me, close, made }: { me: Me; close: () => void; made: (key: Schemas["MadeKey"]) => void }) {
  const [label, setLabel] = useState("");
  const [days, setDays] = useState("90");
  const [scopes, setScopes] = useState<Right[]>(me.rights.filter((right) => right === "read" || right === "run"));
  const client = useQueryClient();
  return (
    <Asking title="Make a key" verb="Make the key" close={close} ready={scopes.length > 0} about="It may at most what you may, and is shown once."
      ask={() => asked(hub.POST("/api/auth/clientkeys/", { body: { label: label.trim(), expires_at: endAfter(days, new Date()), scopes } }))}
      done={(key) => (void client.invalidateQueries({ queryKey: ["keys"] }), made(key))}>
      <TextInput label="What it is for" placeholder="nightly run" data-autofocus value={label} onChange={(event) => setLabel(event.currentTarget.value)} />
      <Select label="It ends" allowDeselect={false} data={ENDS} value={days} onChange={(value) => setDays(value ?? "")} />
      <Checkbox.Group label="It may" value={scopes} onChange={(value) => setScopes(value as Right[])}>
        <Stack gap={8} mt={6}>{me.rights.map((right) => <Checkbox key={right} value={right} label={right} description={MEANT[right]} />)}</Stack>
      </Checkbox.Group>
    </Asking>
  );
}
