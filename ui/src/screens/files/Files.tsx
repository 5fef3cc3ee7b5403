/** The files of a site: a directory of any size, what its entries are, and the jobs that begin there. */
import { ActionIcon, Button, TextInput, Tooltip } from "@mantine/core";
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { lazy, Suspense, useMemo, useState } from "react";
import { filesQuery, sessionQuery, spacesQuery, type File, type Space } from "~/api/queries";
import { count, plural } from "~/format/numbers";
import { base64Of, bytesOf } from "~/format/paths";
import { nameOf, spelled, unspelled, within } from "~/format/spelling";
import { Icon } from "~/parts/Icon";
import { LinkButton } from "~/parts/LinkButton";
import { Page } from "~/parts/Page";
import { Empty, Trouble, Waiting } from "~/parts/Standing";
import { mayRunAt } from "~/shell/rights";
import { allOrNone, NONE, toggled } from "./chosen";
import { Details } from "./Details";
import css from "./Files.module.css";
import { HealthMark } from "./Health";
import { useHere, type Here } from "./here";
import { List } from "./List";
import { crumbsOf, type FilesSearch } from "./search";
import { few } from "./spots";

/** Places of a site that stand beside its files; all are one click away. */
const ASIDE = 24;
const Creator = lazy(() => import("./Creator"));

interface Shown {
  site: string;
  search: FilesSearch;
  choose: (search: FilesSearch, replace?: boolean) => void;
}

export function Files({ site, search, choose }: Shown) {
  const { here, spaces, error, again } = useHere(site);
  const above = <><Link to="/files" search={{}}>Files</Link> / {site}</>;
  const path = search.path ?? (here && firstOf(here, spaces ?? []));
  if (here === undefined || !spaces) return <Page title={site} above={above}><div className="panel">{error ? <Trouble error={error} again={again} /> : <Waiting />}</div></Page>;
  if (!here || !path) {
    return (
      <Page title={site} above={above}>
        <div className="panel">
          <Empty icon="site" title={here ? "No node has told its roots" : `There is no site ${site}`} action={<LinkButton to="/files" search={{}} mt="sm" variant="default">All sites</LinkButton>}>
            {here ? "They are known once a node of this site has been heard." : "Its name may be misspelt, or you may have no right to see it."}
          </Empty>
        </div>
      </Page>
    );
  }
  return <Directory key={path} site={here} path={path} search={search} choose={choose} />;
}

/** Where one begins. */
function firstOf(site: Here, spaces: readonly Space[]): string | undefined {
  return Object.values(site.roots)[0] ?? spaces.find((one) => one.site === site.name)?.path;
}

function Directory({ site, path, search, choose }: { site: Here; path: string; search: FilesSearch; choose: Shown["choose"] }) {
  const client = useQueryClient();
  const me = useQuery(sessionQuery).data;
  const query = filesQuery(site.name, base64Of(unspelled(path)));
  const list = useInfiniteQuery({ ...query, refetchOnWindowFocus: false });
  const [words, setWords] = useState("");
  const [chosen, setChosen] = useState(NONE);
  const all = useMemo(() => list.data?.pages.flatMap((page) => page.results) ?? [], [list.data]);
  const rows = useMemo(() => (words ? all.filter((file) => nameOf(file.path).toLowerCase().includes(words.toLowerCase())) : all), [all, words]);
  const here = list.data?.pages[0]?.here;
  const looked = useMemo(() => (search.look === undefined ? undefined : all.find((file) => spelledName(file) === search.look)), [all, search.look]);
  const picked = useMemo(() => all.filter((file) => chosen.paths.has(file.path_b64)), [all, chosen.paths]);
  const spaces = useQuery(spacesQuery).data?.results ?? [];
  const mayRun = mayRunAt(me, site.name, path, spaces);
  const open = (file: File): void => (file.type === "directory" ? choose({ path: spelled(bytesOf(file.path_b64)), run: search.run }) : choose({ ...search, path, look: spelledName(file) }, true));
  const look = (file: File): void => choose({ ...search, path, look: spelledName(file) }, true);
  return (
    <Page title={nameOf(path)} above={<Crumbs site={site} path={path} run={search.run} />} beside={site.health && <HealthMark health={site.health} />}
      actions={mayRun && <Button leftSection={<Icon name="play" size={15} />} onClick={() => choose({ ...search, path, run: search.run ?? "" }, true)}>{picked.length ? `New job on ${plural(picked.length, "entry", "entries")}` : "New job here"}</Button>}>
      <div className={css.frame}>
        <Aside site={site} path={path} />
        <section className={`panel ${css.middle}`} aria-label="Entries">
          <header className={css.tools}>
            <TextInput size="xs" className={css.find} aria-label="Find in this directory" placeholder="Find in this directory" leftSection={<Icon name="search" size={14} />} value={words} onChange={(event) => setWords(event.currentTarget.value)} />
            <span className="dim nowrap" role="status">{list.data && `${words ? `${count(rows.length)} of ` : ""}${count(all.length)}${list.hasNextPage ? " so far" : ""}`}</span>
            {picked.length > 0 && <Button size="compact-xs" variant="subtle" onClick={() => setChosen({ ...chosen, paths: new Set() })}>Choose none</Button>}
            <Tooltip label="Read again"><ActionIcon ml="auto" variant="subtle" color="gray" aria-label="Read again" loading={list.isRefetching} onClick={() => void client.resetQueries({ queryKey: query.queryKey })}><Icon name="retry" size={16} /></ActionIcon></Tooltip>
          </header>
          {list.isPending ? <Waiting rows={12} /> : !list.data ? <Trouble error={list.error} again={() => void list.refetch()} />
            : all.length === 0 && here?.type !== "directory" ? <Empty icon="files" title="This is no directory">What it is stands beside.</Empty>
            : all.length === 0 ? <Empty icon="files" title="This directory is empty">What is written here is seen when the list is read again.</Empty>
            : rows.length === 0 && !list.hasNextPage ? <Empty icon="search" title="No name fits">It was looked for in all {count(all.length)} entries.</Empty>
            : <List rows={rows} chosen={chosen} setChosen={setChosen} looked={looked?.path_b64} open={open} look={look} up={() => up(site, path, choose)}
                toggle={(at, range) => setChosen(toggled(chosen, rows, at, range))} all={() => setChosen(allOrNone(chosen, rows))}
                more={list.hasNextPage ? () => void list.fetchNextPage() : undefined} busy={list.isFetchingNextPage} />}
          {list.data && list.error && <Trouble error={list.error} again={() => void list.fetchNextPage()} />}
        </section>
        {here ? <Details file={looked ?? here} site={site.name} node={list.data?.pages[0]?.node ?? ""} close={looked && (() => choose({ ...search, path, look: undefined }, true))} /> : <div className="panel">{list.isPending && <Waiting rows={5} />}</div>}
      </div>
      {search.run !== undefined && here && mayRun && (
        <Suspense fallback={null}>
          <Creator site={site.name} files={picked.length ? picked : [looked ?? here]} workflow={search.run} close={() => choose({ ...search, path, run: undefined }, true)} choose={(run) => choose({ ...search, path, run }, true)} />
        </Suspense>
      )}
    </Page>
  );
}

/** The name as it stands in the address. */
const spelledName = (file: File): string => nameOf(spelled(bytesOf(file.path_b64)));

function up(site: Here, path: string, choose: Shown["choose"]): void {
  const above = crumbsOf(path, site.tops).at(-2);
  if (above) choose({ path: above.path });
}

function Crumbs({ site, path, run }: { site: Here; path: string; run: string | undefined }) {
  const crumbs = crumbsOf(path, site.tops);
  return (
    <ol className={css.crumbs}>
      <li><Link to="/files" search={run === undefined ? {} : { run }}>Files</Link></li>
      <li>{site.name}</li>
      {crumbs.map((crumb, at) => (
        <li key={crumb.path}>{at === crumbs.length - 1 ? <span aria-current="page">{crumb.name}</span> : <Link to="/files/$site" params={{ site: site.name }} search={run === undefined ? { path: crumb.path } : { path: crumb.path, run }}>{crumb.name}</Link>}</li>
      ))}
    </ol>
  );
}

/** The other places of this site. */
function Aside({ site, path }: { site: Here; path: string }) {
  const spaces = useQuery(spacesQuery).data?.results.filter((space) => space.site === site.name) ?? [];
  const places = [...spaces.map((space) => ({ name: space.name, path: space.path, icon: "star" as const })), ...Object.entries(site.roots).map(([name, top]) => ({ name, path: top, icon: "files" as const }))];
  const deepest = places.filter((place) => within(path, place.path)).sort((one, other) => other.path.length - one.path.length)[0];
  return (
    <nav className={css.aside} aria-label={`Places of ${site.name}`}>
      <h2>Places</h2>
      {few(places, deepest, ASIDE).map((place) => (
        <Link key={`${place.icon} ${place.name}`} to="/files/$site" params={{ site: site.name }} search={{ path: place.path }} className={place === deepest ? css.now : ""} title={place.path}><Icon name={place.icon} size={16} /><span className="clip">{place.name}</span></Link>
      ))}
      <Link to="/files" search={{}}><Icon name="site" size={16} />{places.length > ASIDE ? "All places" : "All sites"}</Link>
    </nav>
  );
}
