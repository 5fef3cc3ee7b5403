/** People: users and their roles, groups and what they may in spaces, and the spaces themselves. */
import { Tabs } from "@mantine/core";
import { Page } from "~/parts/Page";
import { Groups } from "./Groups";
import { Spaces } from "./Spaces";
import { Users } from "./Users";

export const TABS = ["users", "groups", "spaces"] as const;
export type PeopleTab = (typeof TABS)[number];

export function People({ tab, choose }: { tab: PeopleTab; choose: (tab: PeopleTab) => void }) {
  return (
    <Page title="People and groups">
      <Tabs value={tab} onChange={(next) => choose(TABS.find((one) => one === next) ?? "users")} keepMounted={false} className="panel" style={{ overflow: "hidden" }}>
        <Tabs.List>
          <Tabs.Tab value="users">Users</Tabs.Tab>
          <Tabs.Tab value="groups">Groups</Tabs.Tab>
          <Tabs.Tab value="spaces">Spaces</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="users"><Users /></Tabs.Panel>
        <Tabs.Panel value="groups"><Groups /></Tabs.Panel>
        <Tabs.Panel value="spaces"><Spaces /></Tabs.Panel>
      </Tabs>
    </Page>
  );
}
