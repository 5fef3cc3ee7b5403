/** One site: its queues and nodes as they are now, and what can be asked of them. */
import { Alert, Button, Group, Select, Text } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { asked, hub } from "~/api/client";
import { siteQuery, targetsQuery, type Paused } from "~/api/places";
import { PULSE, type Site as SiteShown } from "~/api/queries";
import { plural } from "~/format/numbers";
import { Opens } from "~/parts/Asking";
import { Icon } from "~/parts/Icon";
import { LinkButton } from "~/parts/LinkButton";
import { Page, Panel } from "~/parts/Page";
import { Time } from "~/parts/Shown";
import { Empty, tellTrouble, Trouble, Waiting } from "~/parts/Standing";
import { Tag } from "~/parts/Tag";
import { useMay } from "~/shell/rights";
import { AlertsTag } from "./AlertsTag";
import { DrainDialog, useSettled } from "./changes";
import { JoinButton, Tokens } from "./Join";
import { Nodes } from "./Nodes";
import { PauseButton, Queues } from "./Queues";
import css from "./Sites.module.css";
import { healthOf, onlineOf, pauseOf, runningOf } from "./standing";

export function Site({ name }: { name: string }) {
  const site = useQuery({ ...siteQuery(name), refetchInterval: PULSE });
  const above = <Link to="/sites" search={{}}>Sites</Link>;
  const administers = useMay("administer");
  if (site.isPending) return <Page title={name} above={above}><div className="panel"><Waiting /></div></Page>;
  if (!site.data) return <Page title={name} above={above}><div className="panel"><Trouble error={site.error} again={() => void site.refetch()} /></div></Page>;
  const shown = site.data;
  return (
    <Page title={name} above={above} actions={<Actions site={shown} />}
      beside={<><Tag {...healthOf(shown)} /><AlertsTag site={shown} /><Text c="dimmed">{onlineOf(shown)} of {plural(shown.nodes.length, "node")} online, {plural(runningOf(shown), "task")} running</Text></>}>
      {pauseOf(shown) && <PausedAlert paused={pauseOf(shown)} site={name} />}
      <Panel title="Nodes">
        {shown.nodes.length === 0 ? <NoNodes site={name} /> : <Nodes nodes={shown.nodes} />}
      </Panel>
      <div className={css.columns}>
        <Queues site={shown} />
        <Panel title="About it" padded><About site={shown} /></Panel>
      </div>
      {administers && <Tokens site={name} />}
    </Page>
  );
}

function Actions({ site }: { site: SiteShown }) {
  const runs = useMay("run");
  const settled = useSettled();
  const undrain = useMutation({
    mutationFn: () => asked(hub.POST("/api/sites/{name}/undrain/", { params: { path: { name: site.name } } })),
    onSuccess: () => settled(`All nodes of ${site.name} take work again.`),
    onError: tellTrouble,
  });
  const draining = site.nodes.filter((node) => node.draining).length;
  return (
    <>
      <LinkButton to="/jobs" search={{ site: site.name }} variant="default" leftSection={<Icon name="jobs" size={15} />}>Jobs here</LinkButton>
      {runs && <PauseButton site={site.name} queue="" paused={pauseOf(site) !== undefined} />}
      {runs && draining < site.nodes.length && <Opens icon={<Icon name="down" size={15} />} dialog={(close) => <DrainDialog site={site.name} count={site.nodes.length} close={close} />}>Drain all</Opens>}
      {runs && draining > 0 && draining === site.nodes.length && <Button variant="default" leftSection={<Icon name="play" size={15} />} loading={undrain.isPending} onClick={() => undrain.mutate()}>Let all work again</Button>}
    </>
  );
}

function PausedAlert({ paused, site }: { paused: Paused | undefined; site: string }) {
  if (!paused) return null;
  return (
    <Alert variant="default" role="status" icon={<Icon name="pause" />} style={{ background: "var(--tow-warn-soft)", color: "var(--mantine-color-text)", borderColor: "var(--tow-line)" }}>
      <Text fw={550}>{site} is paused by {paused.by}{paused.why && `: ${paused.why}`}</Text>
      <Text size="sm">Since <Time at={paused.at} />{paused.now ? "; what ran was asked back" : "; what ran was left to end"}.{paused.resume_at && <> It is resumed by itself <Time at={paused.resume_at} />.</>}</Text>
    </Alert>
  );
}

function NoNodes({ site }: { site: string }) {
  const may = useMay("administer");
  return <Empty icon="site" title="No node has joined yet" action={may && <JoinButton site={site} variant="filled" />}>A node is one worker on one machine. {may ? "Make a token, and paste the line that comes with it at the machine." : "An administrator makes the token with which one joins."}</Empty>;
}

function About({ site }: { site: SiteShown }) {
  const roots = Object.entries(site.roots);
  return (
    <dl className="facts">
      <dt>Roots</dt><dd>{roots.length ? roots.map(([root, place]) => <div key={root}>{root}: <span className="mono">{place}</span></div>) : "none yet"}</dd>
      <dt>Default target</dt><dd><DefaultTarget site={site} /></dd>
      <dt>Recall guard</dt><dd>{site.unguarded ? "Unguarded: root reads zeros in stubs" : "Stubs are made only where recalls are guarded"}</dd>
    </dl>
  );
}

function DefaultTarget({ site }: { site: SiteShown }) {
  const may = useMay("administer");
  const targets = useQuery({ ...targetsQuery, enabled: may });
  const settled = useSettled();
  const change = useMutation({
    mutationFn: (target: string | null) => asked(hub.PATCH("/api/sites/{name}/", { params: { path: { name: site.name } }, body: { default_target: target } })),
    onSuccess: (_, target) => settled(target ? `Data of ${site.name} goes to ${target}.` : `${site.name} has no default target.`),
    onError: tellTrouble,
  });
  if (!may) return site.default_target ?? "none";
  return (
    <Group gap="xs">
      <Select size="xs" w={190} clearable searchable limit={100} aria-label="Default target" placeholder="None" value={site.default_target} disabled={change.isPending} data={[...new Set([...(targets.data?.results ?? []).map((target) => target.name), ...(site.default_target ? [site.default_target] : [])])]}
        onChange={(value) => change.mutate(value)} clearButtonProps={{ "aria-label": "No default target" }} />
    </Group>
  );
}
