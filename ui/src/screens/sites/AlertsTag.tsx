/** How many alerts of a site stand, in the tone of the gravest; leads to them. */
import { Link } from "@tanstack/react-router";
import type { Site } from "~/api/queries";
import { Tag } from "~/parts/Tag";
import css from "./Sites.module.css";
import { alertsOf } from "./standing";

export function AlertsTag({ site }: { site: Pick<Site, "name" | "alerts"> }) {
  const told = alertsOf(site);
  if (!told) return null;
  return <Link to="/alerts" search={{ site: site.name }} className={css.alerts} aria-label={`${told.word} of ${site.name}: ${told.title}`} data-alerts={told.title}><Tag {...told} /></Link>;
}
