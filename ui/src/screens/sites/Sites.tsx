/** All sites: how each one is, and who paused what there. */
import { TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import { PULSE, sitesQuery, type Site } from "~/api/queries";
import { count, plural } from "~/format/numbers";
import { countedQuery, type SpaceCounted } from "~/api/places";
import { Opens } from "~/parts/Asking";
import { Bar } from "~/parts/Bar";
import { Icon } from "~/parts/Icon";
import { Page } from "~/parts/Page";
import { Time } from "~/parts/Shown";
import { TYPED } from "~/parts/SiteSelect";
import { Empty, Trouble, Waiting } from "~/parts/Standing";
import { Tag } from "~/parts/Tag";
import { useMay } from "~/shell/rights";
import { Virtual } from "../job/Virtual";
import { AlertsTag } from "./AlertsTag";
import { NewSiteDialog } from "./changes";
import { heldOf, unknown } from "./held";
import css from "./Sites.module.css";
import { healthOf, onlineOf, pauseOf, queuesOf, runningOf } from "./standing";

/** From here on a card each is too much: they become lines. */
const MANY = 60;

export function Sites({ words, choose }: { words: string; choose: (words: string) => void }) {
  const [typed] = useDebouncedValue(words.trim(), TYPED);
  // The more of them are shown, the rarer they are looked at: as many questions in the same time.
  const sites = useInfiniteQuery({ ...sitesQuery(typed), refetchInterval: (query) => 2 * PULSE * Math.max(1, query.state.data?.pages.length ?? 1) });
  const counted = useQuery({ ...countedQuery, refetchInterval: 30_000 }).data?.results;
  const shown = useMemo(() => sites.data?.pages.flatMap((page) => page.results) ?? [], [sites.data]);
  const all = sites.data?.pages[0]?.count ?? 0;
  const searched = words !== "" || typed !== "";
  return (
    <Page title="Sites" beside={sites.data && <span className="dim">{count(all)}</span>} actions={<AddSite />}>
      {(all > 6 || searched) && <TextInput size="xs" w={260} aria-label="Sites by name" placeholder="Name of a site" leftSection={<Icon name="search" size={14} />} value={words} onChange={(event) => choose(event.currentTarget.value)} />}
      {sites.isPending ? <div className="panel"><Waiting rows={8} /></div> : !sites.data ? <div className="panel"><Trouble error={sites.error} again={() => void sites.refetch()} /></div>
        : all === 0 && !searched ? <div className="panel"><NoSites /></div>
        : shown.length === 0 ? <div className="panel"><Empty icon="search" title="No site of that name">Other words may fit.</Empty></div>
        : shown.length > MANY ? <div className="panel"><Virtual rows={shown} height={42} label="Sites" heads={["Site", "Health", "Alerts", "Nodes online", "Running", "Paused"]} layout={css.srow} cells={cellsOf} more={sites.hasNextPage ? () => void sites.fetchNextPage() : undefined} busy={sites.isFetchingNextPage} /></div>
        : <div className={css.cards}>{shown.map((site) => <Card key={site.name} site={site} counted={counted} />)}</div>}
    </Page>
  );
}

function AddSite({ filled = false }: { filled?: boolean }) {
  const navigate = useNavigate();
  if (!useMay("administer")) return null;
  const go = (site: string): void => void navigate({ to: "/sites/$site", params: { site } });
  return <Opens variant={filled ? "filled" : "default"} icon={<Icon name="plus" size={15} />} dialog={(close) => <NewSiteDialog close={close} made={go} />}>Add a site</Opens>;
}

function NoSites() {
  const may = useMay("administer");
  return (
    <Empty icon="site" title="No site yet" action={<AddSite filled />}>
      A site is a place with files. {may ? "Give it a name, then join its first machine with a token." : "An administrator adds one here, and joins its first machine with a token."}
    </Empty>
  );
}

function Card({ site, counted }: { site: Site; counted: readonly SpaceCounted[] | undefined }) {
  const health = healthOf(site);
  const paused = pauseOf(site);
  const queues = queuesOf(site);
  return (
    <article className={`panel ${css.card}`} aria-label={`Site ${site.name}`} data-site={site.name}>
      <header><h2 className={`${css.name} clip`}><Link to="/sites/$site" params={{ site: site.name }}>{site.name}</Link></h2><AlertsTag site={site} /><Tag {...health} /></header>
      <div className={css.figures}>
        <div><strong>{onlineOf(site)}<span> / {site.nodes.length}</span></strong><span>nodes online</span></div>
        <div><strong>{count(runningOf(site))}</strong><span>tasks running</span></div>
        <div><strong>{count(queues.reduce((sum, queue) => sum + (queue.slots.get("worker") ?? 0), 0))}</strong><span>slots for work</span></div>
      </div>
      {counted && <HeldThere site={site.name} counted={counted} />}
      <ul className={css.queues}>
        {queues.map((queue) => (
          <li key={queue.queue}>
            <span className="clip"><span className="dim">Queue</span> {queue.queue}</span>
            <span className="dim nowrap">{queue.paused ? `paused by ${queue.paused.by}` : [...queue.slots].map(([name, slots]) => `${slots} ${name}`).join(", ") || "nobody serves it"}</span>
          </li>
        ))}
        <li className="dim"><span>Data goes to</span><span className="clip">{site.default_target ?? "no default target"}</span></li>
      </ul>
      {paused && <p className={css.paused}><Icon name="pause" size={15} /><span>Paused by {paused.by}{paused.why && `: ${paused.why}`}</span></p>}
    </article>
  );
}

/** Files and folders as they were last counted, and plainly that they were not where nobody has. */
function HeldThere({ site, counted }: { site: string; counted: readonly SpaceCounted[] }) {
  const held = heldOf(site, counted);
  if (held.since === null) return <p className={css.held} data-held="unknown"><span className="dim">{unknown(held)}</span></p>;
  return (
    <div className={css.held} data-held={held.files}>
      <span><strong>{plural(held.files, "file")}</strong> in {plural(held.folders, "folder")}</span>
      <Bar label={`Files of ${site} whose data is here`} all={held.files} parts={[{ of: held.hydrated, tone: "busy", name: "hydrated: their data is here" }, { of: held.dehydrated, tone: "still", name: "dehydrated: at a target only" }]} />
      <span className={css.split}><span>{count(held.hydrated)} hydrated</span><span>{count(held.dehydrated)} dehydrated</span></span>
      <span className="dim">{held.counted < held.spaces ? `Of ${held.counted} of ${plural(held.spaces, "space")}` : `Of ${plural(held.spaces, "space")}`}{held.partly && ", some of it unreadable"}, counted <Time at={held.since} /></span>
    </div>
  );
}

const cellsOf = (site: Site) => [
  <Link key="n" to="/sites/$site" params={{ site: site.name }}>{site.name}</Link>, <Tag key="h" {...healthOf(site)} />, <AlertsTag key="a" site={site} />, `${onlineOf(site)} of ${site.nodes.length}`, count(runningOf(site)),
  site.paused.map((paused) => `${paused.queue || "all"} by ${paused.by}${paused.why && `: ${paused.why}`}`).join("; "),
];
