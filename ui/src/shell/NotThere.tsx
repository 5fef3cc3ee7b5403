/** What stands where a link leads nowhere: the way back, and what was perhaps meant. */
import { useLocation } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { sessionQuery } from "~/api/queries";
import { Icon } from "~/parts/Icon";
import { LinkButton } from "~/parts/LinkButton";
import { Page } from "~/parts/Page";
import { Empty } from "~/parts/Standing";
import { meantBy } from "./meant";
import css from "./NotThere.module.css";

export function NotThere() {
  const path = useLocation({ select: (location) => location.pathname });
  const me = useQuery({ ...sessionQuery, enabled: false }).data;
  const meant = meantBy(path, me?.rights ?? []);
  return (
    <Page title="Nothing is here">
      <div className="panel">
        <Empty icon="search" title="There is no such screen" action={<LinkButton to="/" mt="sm" leftSection={<Icon name="home" size={16} />}>To the dashboard</LinkButton>}>
          Nothing stands at <span className={`mono ${css.path}`}>{path}</span>. The address may be misspelt, or what it led to was removed.
          {meant.length > 0 && (
            <nav className={css.meant} aria-label="Perhaps you meant">
              <span>Perhaps you meant</span>
              <ul>{meant.map((one) => <li key={one.href}><LinkButton to={one.href} variant="default" size="xs" leftSection={<Icon name={one.icon} size={15} />}>{one.label}</LinkButton></li>)}</ul>
            </nav>
          )}
        </Empty>
      </div>
    </Page>
  );
}

/** The same outside of the menu, for whom nobody knows. */
export function NothingThere() {
  return <main><NotThere /></main>;
}
