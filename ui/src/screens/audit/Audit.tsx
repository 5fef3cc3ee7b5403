/** The log: who did what, when, from where; and who tried to sign in and was not let in. */
import { Button, Modal, TextInput } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { deedsQuery, type Deed } from "~/api/people";
import { count } from "~/format/numbers";
import { Icon } from "~/parts/Icon";
import { Copied } from "~/parts/Once";
import { Page, Panel } from "~/parts/Page";
import { Time } from "~/parts/Shown";
import { Empty, Trouble, Waiting } from "~/parts/Standing";
import { Virtual } from "../job/Virtual";
import css from "./Audit.module.css";
import { deedsAskedOf, exportUrl, laidOut, said, type AuditSearch } from "./search";

interface Choosing {
  search: AuditSearch;
  choose: (search: AuditSearch) => void;
}

export function Audit({ search, choose }: Choosing) {
  const list = useInfiniteQuery(deedsQuery(deedsAskedOf(search)));
  const deeds = useMemo(() => list.data?.pages.flatMap((page) => page.results) ?? [], [list.data]);
  const [open, setOpen] = useState<Deed>();
  const filtered = Object.keys(search).length > 0;
  const cells = useMemo(() => cellsFor(setOpen), []);
  return (
    <Page title="Audit" beside={list.data && <span className="dim">{count(list.data.pages[0]?.count ?? 0)}</span>}
      actions={<Button component="a" href={exportUrl(search)} download="towpath-audit.jsonl" variant="default" leftSection={<Icon name="down" size={15} />}>Export as JSON lines</Button>}>
      <Panel title="What was done" actions={<Button size="xs" variant="default" leftSection={<Icon name="retry" size={14} />} loading={list.isRefetching} onClick={() => void list.refetch()}>Read anew</Button>}>
        <Filters key={JSON.stringify(search)} search={search} choose={choose} />
        {list.isPending ? <Waiting rows={10} /> : !list.data ? <Trouble error={list.error} again={() => void list.refetch()} />
          : deeds.length === 0 ? <Empty icon="audit" title={filtered ? "Nothing fits these filters" : "Nothing was done yet"} action={filtered && <Button size="xs" variant="default" onClick={() => choose({})}>Clear all filters</Button>}>{filtered ? "Other words or days may fit." : "Every change through the API stands here, for a year."}</Empty>
          : <Virtual rows={deeds} height={40} label="What was done" heads={["When", "Who", "By", "What", "On what", "From", "Asked"]} right={["Asked"]} layout={css.arow} cells={cells} more={list.hasNextPage ? () => void list.fetchNextPage() : undefined} busy={list.isFetchingNextPage} />}
      </Panel>
      {open && <Details deed={open} close={() => setOpen(undefined)} />}
    </Page>
  );
}

/** Asked when Enter is pressed or a field is left, so that no letter is a question of its own. */
function Filters({ search, choose }: Choosing) {
  const field = (name: "by" | "action" | "thing", label: string, hint: string) => (
    <TextInput size="xs" label={label} placeholder={hint} defaultValue={search[name] ?? ""}
      onBlur={(event) => event.currentTarget.value !== (search[name] ?? "") && choose({ ...search, [name]: event.currentTarget.value || undefined })}
      onKeyDown={(event) => event.key === "Enter" && choose({ ...search, [name]: event.currentTarget.value || undefined })} />
  );
  const day = (name: "since" | "until", label: string) => <TextInput size="xs" type="date" label={label} value={search[name] ?? ""} onChange={(event) => choose({ ...search, [name]: event.currentTarget.value || undefined })} />;
  return (
    <div className={css.bar}>
      {field("by", "Who", "ana")}
      {field("action", "What", "pause_site")}
      {field("thing", "On what", "/api/jobs/12/")}
      {day("since", "From")}
      {day("until", "Until")}
      {Object.keys(search).length > 0 && <Button size="xs" variant="subtle" onClick={() => choose({})}>Clear all filters</Button>}
    </div>
  );
}

const cellsFor = (open: (deed: Deed) => void) => (deed: Deed) => [
  <Time key="t" at={deed.at} />, <strong key="b">{deed.by}</strong>, deed.via || <span key="v" style={{ color: "var(--tow-bad)" }}>refused</span>, said(deed.action),
  <span key="o" className="mono" title={deed.thing}>{deed.thing}</span>, <span key="a" className="mono">{deed.address}</span>,
  <Button key="d" size="compact-xs" variant="subtle" aria-haspopup="dialog" aria-label={`Show what was asked in ${deed.id}`} onClick={() => open(deed)}>Show</Button>,
];

function Details({ deed, close }: { deed: Deed; close: () => void }) {
  return (
    <Modal opened onClose={close} title={`${said(deed.action)}, by ${deed.by}`} size="lg" centered closeButtonProps={{ "aria-label": "Close" }}>
      <dl className="facts" style={{ marginBottom: "1rem" }}>
        <dt>When</dt><dd><Time at={deed.at} /> <span className="dim">{deed.at}</span></dd>
        <dt>Who</dt><dd>{deed.by}, {deed.via ? `by ${deed.via}` : "not let in"}, from {deed.address}</dd>
        <dt>On what</dt><dd className="mono">{deed.thing}</dd>
      </dl>
      <Copied name="What was asked; secrets are blanked" text={laidOut(deed.asked) || "nothing"} />
    </Modal>
  );
}
