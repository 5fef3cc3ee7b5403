/** Where files are: the sites with their roots and spaces. */
import { TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Space } from "~/api/queries";
import { plural } from "~/format/numbers";
import { Icon } from "~/parts/Icon";
import { Page, Panel } from "~/parts/Page";
import { PathText } from "~/parts/Shown";
import { TYPED } from "~/parts/SiteSelect";
import { Empty, Trouble, Waiting } from "~/parts/Standing";
import { Virtual } from "../job/Virtual";
import { useMay } from "~/shell/rights";
import { HealthMark } from "./Health";
import { usePlaces, type Here } from "./here";
import css from "./Files.module.css";
import { placesOf, type Spot } from "./spots";

/** From here on a panel for each site is too much: places become lines. */
const MANY = 60;

export function Places({ run }: { run: string | undefined }) {
  const [words, setWords] = useState("");
  const [typed] = useDebouncedValue(words.trim(), TYPED);
  const { sites, count, spaces, error, again, more, busy } = usePlaces(typed);
  const searched = words !== "" || typed !== "";
  return (
    <Page title="Files" beside={sites && <span className="dim">{plural(count, "site")}</span>}>
      {run !== undefined && <p className={css.hint}><Icon name="workflow" size={16} />Choose where <strong>{run}</strong> is to run.</p>}
      {!sites || !spaces ? <div className="panel">{error ? <Trouble error={error} again={again} /> : <Waiting />}</div>
        : count === 0 && !searched ? <div className="panel"><NoSites /></div>
        : searched || count + spaces.length > MANY ? <Lines spots={placesOf(sites, spaces, typed)} run={run} words={words} say={setWords} more={more} busy={busy} />
        : <div className="grid">{sites.map((site) => <Card key={site.name} site={site} spaces={spaces.filter((space) => space.site === site.name)} run={run} />)}</div>}
    </Page>
  );
}

function NoSites() {
  if (!useMay("read")) return <Empty icon="star" title="No space is yours yet">What you see are the spaces of your groups. Ask an administrator to let one of them into a space.</Empty>;
  return (
    <Empty icon="site" title="No site has joined yet">
      A site is where files are: one machine or many. Make a token for one, and carry it there.
      <pre className="mono">towpath site add NAME</pre>
    </Empty>
  );
}

interface Listed {
  spots: readonly Spot[];
  run: string | undefined;
  words: string;
  say: (words: string) => void;
  more: (() => void) | undefined;
  busy: boolean;
}

function Lines({ spots, run, words, say, more, busy }: Listed) {
  const cells = (spot: Spot) => [
    <Link key="n" to="/files/$site" params={{ site: spot.site }} search={run === undefined ? { path: spot.path } : { path: spot.path, run }}>{spot.name}</Link>,
    <span key="k" className="dim">{spot.kind}</span>, spot.site, <PathText key="p" path={spot.path} clip />,
  ];
  return (
    <section className={`panel ${css.middle}`} aria-label="Places">
      <header className={css.tools}>
        <TextInput size="xs" className={css.find} aria-label="Find a place" placeholder="Find a space or a site" leftSection={<Icon name="search" size={14} />} value={words} onChange={(event) => say(event.currentTarget.value)} />
        <span className="dim" role="status">{plural(spots.length, "place")}{more && " so far"}</span>
      </header>
      {spots.length === 0 ? <Empty icon="search" title="No place fits">Other words may fit.</Empty>
        : <Virtual rows={spots} height={40} label="Places" heads={["Place", "Kind", "Site", "Directory"]} layout={css.spot} cells={cells} more={more} busy={busy} />}
    </section>
  );
}

function Card({ site, spaces, run }: { site: Here; spaces: readonly Space[]; run: string | undefined }) {
  const roots = Object.entries(site.roots);
  return (
    <Panel title={site.name} actions={site.health && <HealthMark health={site.health} />}>
      {roots.length + spaces.length === 0 && <Empty icon="files" title="No node has told its roots">They are known once a node of this site has been heard.</Empty>}
      <ul className={css.places}>
        {spaces.map((space) => <Place key={`s ${space.name}`} site={site.name} name={space.name} kind="space" path={space.path} run={run} />)}
        {roots.map(([name, path]) => <Place key={`r ${name}`} site={site.name} name={name} kind="root" path={path} run={run} />)}
      </ul>
    </Panel>
  );
}

function Place({ site, name, kind, path, run }: { site: string; name: string; kind: "space" | "root"; path: string; run: string | undefined }) {
  return (
    <li>
      <Link to="/files/$site" params={{ site }} search={run === undefined ? { path } : { path, run }}>
        <span className="dim"><Icon name={kind === "space" ? "star" : "files"} /></span>
        <span className={css.placeName}><strong>{name}</strong> <span className="dim">{kind}</span><span className="mono dim clip" title={path}>{path}</span></span>
        <span className="dim"><Icon name="right" size={15} /></span>
      </Link>
    </li>
  );
}
