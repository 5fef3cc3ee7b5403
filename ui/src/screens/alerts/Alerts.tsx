/** Alerts: what stands and what stood, from where on things are told, who is told, and of what nobody is. */
import { Tabs } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { standingQuery } from "~/api/telling";
import { Page } from "~/parts/Page";
import { Tag } from "~/parts/Tag";
import { useMay } from "~/shell/rights";
import css from "./Alerts.module.css";
import { Destinations } from "./Destinations";
import { Filters } from "./Filters";
import { History } from "./History";
import { Mutes } from "./Mutes";
import { Rules } from "./Rules";
import { Stand } from "./Stand";
import { summary, TABS, type AlertsSearch } from "./standing";

export interface Choosing {
  search: AlertsSearch;
  choose: (search: AlertsSearch) => void;
}

export function Alerts({ search, choose }: Choosing) {
  const standing = useQuery(standingQuery);
  const administers = useMay("administer");
  const tab = search.tab ?? "standing";
  return (
    <Page title="Alerts" beside={standing.data && <Tag {...summary(standing.data.results)} title="What stands now" />}>
      <Tabs value={tab} onChange={(next) => choose({ ...search, tab: TABS.find((one) => one === next) })} keepMounted={false} className="panel" style={{ overflow: "hidden" }}>
        <Tabs.List className={css.tabs}>
          <Tabs.Tab value="standing">Standing</Tabs.Tab>
          <Tabs.Tab value="history">History</Tabs.Tab>
          <Tabs.Tab value="rules">Rules</Tabs.Tab>
          <Tabs.Tab value="mutes">Mutes</Tabs.Tab>
          {administers && <Tabs.Tab value="destinations">Destinations</Tabs.Tab>}
        </Tabs.List>
        <Tabs.Panel value="standing"><Filters search={search} choose={choose} /><Stand search={search} choose={choose} /></Tabs.Panel>
        <Tabs.Panel value="history"><Filters search={search} choose={choose} /><History search={search} choose={choose} /></Tabs.Panel>
        <Tabs.Panel value="rules"><Rules /></Tabs.Panel>
        <Tabs.Panel value="mutes"><Mutes /></Tabs.Panel>
        {administers && <Tabs.Panel value="destinations"><Destinations /></Tabs.Panel>}
      </Tabs>
    </Page>
  );
}
