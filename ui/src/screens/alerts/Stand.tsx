/** The alerts that stand: why, since when, and what to do about each. */
import { Button } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { alertsQuery, type Alert } from "~/api/telling";
import { Opens } from "~/parts/Asking";
import { Icon } from "~/parts/Icon";
import { Time } from "~/parts/Shown";
import { Empty, Trouble, Waiting } from "~/parts/Standing";
import { Tag } from "~/parts/Tag";
import { useMay } from "~/shell/rights";
import type { Choosing } from "./Alerts";
import css from "./Alerts.module.css";
import { MuteDialog } from "./Mutes";
import { KINDS, ledTo, severityOf, worstFirst } from "./standing";

export function Stand({ search, choose }: Choosing) {
  const { kind, site } = search;
  const list = useInfiniteQuery({ ...alertsQuery("open", { kind, site }), refetchInterval: 15_000 });
  const alerts = useMemo(() => worstFirst(list.data?.pages.flatMap((page) => page.results) ?? []), [list.data]);
  if (list.isPending) return <Waiting rows={5} />;
  if (!list.data) return <Trouble error={list.error} again={() => void list.refetch()} />;
  if (alerts.length === 0) return <Nothing filtered={kind !== undefined || site !== undefined} clear={() => choose({ tab: search.tab })} />;
  return (
    <>
      <ul className={css.alerts} aria-label="Alerts that stand">{alerts.map((alert) => <Line key={alert.id} alert={alert} />)}</ul>
      {list.hasNextPage && <p className={css.more}><Button size="xs" variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>Show more</Button></p>}
    </>
  );
}

function Nothing({ filtered, clear }: { filtered: boolean; clear: () => void }) {
  if (filtered) return <Empty icon="bell" title="Nothing of that kind stands" action={<Button size="xs" variant="default" onClick={clear}>Clear all filters</Button>}>Other alerts may.</Empty>;
  return <Empty icon="check" title="Nothing needs anybody">The hub looks every ten seconds at its sites, jobs, disks and certificates. What it finds is raised here, and cleared once it has been gone for a minute.</Empty>;
}

function Line({ alert }: { alert: Alert }) {
  const runs = useMay("run");
  return (
    <li className={`${css.alert} ${alert.muted ? css.quiet : css[alert.severity]}`} data-alert={alert.id} data-kind={alert.kind}>
      <span className={css.grave}><Tag {...severityOf(alert.severity)} /></span>
      <div className={css.what}>
        <h2>{KINDS[alert.kind].title}: <Thing thing={alert.thing} /></h2>
        <p className={css.sentence}>{alert.sentence}</p>
        {alert.muted
          ? <p className={css.muted}><Icon name="muted" size={15} /><span>Nobody is told: muted by {alert.muted.by}, {alert.muted.why}{alert.muted.until && <>; it ends <Time at={alert.muted.until} /></>}</span></p>
          : <p className={css.does}><strong>What to do</strong> {KINDS[alert.kind].does}</p>}
      </div>
      <div className={css.side}>
        <span className="dim"><Time at={alert.raised_at} /></span>
        {runs && !alert.muted && <Opens size="compact-xs" label={`Mute ${KINDS[alert.kind].title}: ${ledTo(alert.thing).word}`} dialog={(close) => <MuteDialog kind={alert.kind} thing={alert.thing} close={close} />}>Mute</Opens>}
      </div>
    </li>
  );
}

/** What an alert is of, as a link where a screen shows it. */
export function Thing({ thing }: { thing: string }) {
  const led = ledTo(thing);
  if (led.to === "job") return <Link to="/jobs/$job" params={{ job: led.job }} search={{}}>{led.word}</Link>;
  if (led.to === "site") return <Link to="/sites/$site" params={{ site: led.site }}>{led.word}</Link>;
  return <>{led.word}</>;
}
