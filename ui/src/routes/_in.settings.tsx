import { createFileRoute } from "@tanstack/react-router";
import { Settings, type SettingsTab } from "~/screens/settings/Settings";

export const Route = createFileRoute("/_in/settings")({
  validateSearch: (said: Record<string, unknown>): { tab?: SettingsTab } => (said.tab === "webhooks" ? { tab: said.tab } : {}),
  component: SettingsScreen,
});

function SettingsScreen() {
  const { tab } = Route.useSearch();
  const navigate = Route.useNavigate();
  return <Settings tab={tab ?? "settings"} choose={(next) => void navigate({ search: next === "webhooks" ? { tab: next } : {}, replace: true })} />;
}
