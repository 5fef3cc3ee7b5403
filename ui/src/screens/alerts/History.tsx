/** The alerts that were cleared: what stood, when, and for how long. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { alertsQuery, type Alert } from "~/api/telling";
import { Span, Time } from "~/parts/Shown";
import { Empty, Trouble, Waiting } from "~/parts/Standing";
import { Tag } from "~/parts/Tag";
import { Virtual } from "../job/Virtual";
import type { Choosing } from "./Alerts";
import css from "./Alerts.module.css";
import { Thing } from "./Stand";
import { KINDS, severityOf } from "./standing";

export function History({ search }: Choosing) {
  const { kind, site } = search;
  const list = useInfiniteQuery(alertsQuery("cleared", { kind, site }));
  const alerts = useMemo(() => list.data?.pages.flatMap((page) => page.results) ?? [], [list.data]);
  if (list.isPending) return <Waiting rows={8} />;
  if (!list.data) return <Trouble error={list.error} again={() => void list.refetch()} />;
  if (alerts.length === 0) return <Empty icon="clock" title={kind ?? site ? "Nothing of that kind was cleared" : "No alert was cleared yet"}>What stood and is gone is kept here for 90 days.</Empty>;
  return <Virtual rows={alerts} height={42} label="Alerts that were cleared" heads={["Severity", "What", "Of what", "Why", "Raised", "Stood for"]} layout={css.hrow} cells={cellsOf} more={list.hasNextPage ? () => void list.fetchNextPage() : undefined} busy={list.isFetchingNextPage} />;
}

const cellsOf = (alert: Alert) => [
  <Tag key="s" {...severityOf(alert.severity)} />, KINDS[alert.kind].title, <Thing key="t" thing={alert.thing} />, <span key="w" title={alert.sentence}>{alert.sentence}</span>,
  <Time key="r" at={alert.raised_at} />, <Span key="d" from={alert.raised_at} to={alert.cleared_at} />,
];
