/** Settings that hold at all hubs within seconds, and the webhooks that are told of events. */
import { Tabs } from "@mantine/core";
import { Page } from "~/parts/Page";
import { Kept } from "./Kept";
import { Webhooks } from "./Webhooks";

export type SettingsTab = "settings" | "webhooks";

export function Settings({ tab, choose }: { tab: SettingsTab; choose: (tab: SettingsTab) => void }) {
  return (
    <Page title="Settings">
      <Tabs value={tab} onChange={(next) => choose(next === "webhooks" ? next : "settings")} keepMounted={false} className="panel" style={{ overflow: "hidden" }}>
        <Tabs.List>
          <Tabs.Tab value="settings">Settings</Tabs.Tab>
          <Tabs.Tab value="webhooks">Webhooks</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="settings"><Kept /></Tabs.Panel>
        <Tabs.Panel value="webhooks"><Webhooks /></Tabs.Panel>
      </Tabs>
    </Page>
  );
}
