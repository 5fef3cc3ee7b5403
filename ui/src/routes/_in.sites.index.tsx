import { createFileRoute } from "@tanstack/react-router";
import { Sites } from "~/screens/sites/Sites";

export const Route = createFileRoute("/_in/sites/")({
  validateSearch: (said: Record<string, unknown>): { q?: string } => (said.q ? { q: String(said.q) } : {}),
  component: SitesScreen,
});

function SitesScreen() {
  const { q } = Route.useSearch();
  const navigate = Route.useNavigate();
  return <Sites words={q ?? ""} choose={(words) => void navigate({ search: words ? { q: words } : {}, replace: true })} />;
}
