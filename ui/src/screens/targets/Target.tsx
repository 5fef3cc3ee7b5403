/** One target: where it lies, whether it works as a node sees it, and what stands there. */
import { Button, Text, TextInput } from "@mantine/core";
import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useMemo, useState, type FormEvent } from "react";
import { asked, hub, type Schemas } from "~/api/client";
import { objectsQuery, targetQuery, type Target as TargetShown } from "~/api/places";
import { plural } from "~/format/numbers";
import { Opens } from "~/parts/Asking";
import { Icon } from "~/parts/Icon";
import { Page, Panel } from "~/parts/Page";
import { Bytes, Time } from "~/parts/Shown";
import { SiteSelect } from "~/parts/SiteSelect";
import { Empty, Trouble, Waiting } from "~/parts/Standing";
import { Tag } from "~/parts/Tag";
import { useMay } from "~/shell/rights";
import { Virtual } from "../job/Virtual";
import { RemoveDialog } from "./changes";
import { stepsOf, type Object } from "./keys";
import css from "./Targets.module.css";

export interface TargetSearch {
  prefix?: string;
  site?: string;
}

interface Shown {
  name: string;
  search: TargetSearch;
  choose: (search: TargetSearch) => void;
}

export function Target({ name, search, choose }: Shown) {
  const target = useQuery(targetQuery(name));
  const navigate = useNavigate();
  const may = useMay("administer");
  const above = <Link to="/targets">Targets</Link>;
  if (target.isPending) return <Page title={name} above={above}><div className="panel"><Waiting /></div></Page>;
  if (!target.data) return <Page title={name} above={above}><div className="panel"><Trouble error={target.error} again={() => void target.refetch()} /></div></Page>;
  return (
    <Page title={name} above={above} beside={<Text c="dimmed" className="mono">{target.data.url}</Text>}
      actions={may && <Opens dialog={(close) => <RemoveDialog what="target" name={name} close={close} gone={() => void navigate({ to: "/targets" })} />}>Remove</Opens>}>
      <div className={css.columns}>
        <Panel title="About it" padded><About target={target.data} /></Panel>
        <Check name={name} />
      </div>
      <Browse name={name} search={search} choose={choose} />
    </Page>
  );
}

function About({ target }: { target: TargetShown }) {
  return (
    <dl className="facts">
      <dt>URL</dt><dd className="mono">{target.url}</dd>
      <dt>Bucket</dt><dd>{target.bucket}</dd>
      <dt>Storage class</dt><dd>{target.storage_class || "the store's own"}</dd>
      <dt>Keys</dt><dd className="mono">{target.template || "{site}/{root}/{path}"}</dd>
      <dt>Made</dt><dd><Time at={target.created_at} /></dd>
    </dl>
  );
}

function SiteChoice({ site, set, label }: { site: string | undefined; set: (site: string | undefined) => void; label: string }) {
  return <SiteSelect size="xs" w={170} clearable aria-label={label} placeholder="From any site" value={site} choose={(value) => set(value ?? undefined)} clearButtonProps={{ "aria-label": "Any site" }} />;
}

/** A look at it from a node, finding by finding, as the node says them. */
function Check({ name }: { name: string }) {
  const may = useMay("run");
  const [site, setSite] = useState<string>();
  const check = useMutation({ mutationFn: () => asked(hub.POST("/api/targets/{name}/check/", { params: { path: { name } }, body: { site: site ?? null } })) });
  return (
    <Panel title="Check" actions={may && <><SiteChoice site={site} set={setSite} label="Check from" /><Button size="xs" loading={check.isPending} onClick={() => check.mutate()}>Check it</Button></>}>
      {check.isPending ? <Waiting rows={4} /> : check.error ? <Trouble error={check.error} again={() => check.mutate()} />
        : check.data ? <Findings checked={check.data} />
        : <Empty icon="check" title="Not looked at yet">{may ? "A node of a site tries it: name, connection, certificate, credentials, a write, a read, a removal." : "To try it takes the right to run."}</Empty>}
    </Panel>
  );
}

function Findings({ checked }: { checked: Schemas["TargetChecked"] }) {
  return (
    <>
      <Text px="md" pt="sm" size="sm" role="status"><Tag tone={checked.works ? "good" : "bad"} word={checked.works ? "It works" : "It does not work"} /> <span className="dim">as node {checked.node} of {checked.site} sees it</span></Text>
      <ul className={css.findings}>
        {checked.findings.map((finding) => (
          <li key={finding.what} data-finding={finding.what}>
            <strong>{finding.what}</strong>
            <span>{finding.well === null ? <Tag tone="still" word="Not tried" title="It was not come to" /> : finding.well ? <Tag tone="good" word="Well" /> : <Tag tone="bad" word="Wrong" />}</span>
            <span style={{ overflowWrap: "anywhere" }}>{finding.says}{finding.hint && <Text size="sm" c="dimmed">{finding.hint}</Text>}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

function Browse({ name, search, choose }: Shown) {
  const prefix = search.prefix ?? "";
  const [typed, setTyped] = useState(prefix);
  const list = useInfiniteQuery({ ...objectsQuery(name, prefix, search.site), retry: false, staleTime: 30_000 });
  const objects = useMemo(() => list.data?.pages.flatMap((page) => page.results) ?? [], [list.data]);
  const seen = list.data?.pages[0];
  const go = (event: FormEvent): void => {
    event.preventDefault();
    choose({ ...search, prefix: typed || undefined });
  };
  return (
    <Panel title="What stands there" actions={<SiteChoice site={search.site} set={(site) => choose({ ...search, site })} label="Browse from" />}>
      <form className={css.bar} onSubmit={go}>
        <TextInput size="xs" w={320} aria-label="Keys that begin with" placeholder="Keys that begin with…" leftSection={<Icon name="search" size={14} />} value={typed} onChange={(event) => setTyped(event.currentTarget.value)} />
        <Button size="xs" type="submit" variant="default">Look</Button>
        {prefix && (
          <span className={css.crumbs}>
            <Button size="compact-xs" variant="subtle" onClick={() => (setTyped(""), choose({ ...search, prefix: undefined }))}>All</Button>
            {stepsOf(prefix).map((step) => <Button key={step.prefix} size="compact-xs" variant="subtle" onClick={() => (setTyped(step.prefix), choose({ ...search, prefix: step.prefix }))}>{step.name}/</Button>)}
          </span>
        )}
        <span className="dim" style={{ marginLeft: "auto" }}>{seen && `${plural(objects.length, "object")}${list.hasNextPage ? " so far" : ""}, as node ${seen.node} of ${seen.site} sees them`}</span>
      </form>
      {list.isPending ? <Waiting /> : !list.data ? <Trouble error={list.error} again={() => void list.refetch()} />
        : objects.length === 0 ? <Empty icon="target" title="Nothing stands there">{prefix ? "No key begins so." : "Run a workflow that sends data here, and it is shown."}</Empty>
        : <Virtual rows={objects} height={36} label="Objects" heads={["Key", "Size", "Changed"]} right={["Size"]} layout={css.orow} cells={objectCells} more={list.hasNextPage ? () => void list.fetchNextPage() : undefined} busy={list.isFetchingNextPage} />}
    </Panel>
  );
}

const objectCells = (object: Object) => [<span key="k" className="mono" title={object.key}>{object.key}</span>, <Bytes key="s" of={object.size} />, <Time key="t" at={object.modified_at} />];
