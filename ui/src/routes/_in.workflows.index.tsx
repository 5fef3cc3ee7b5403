import { createFileRoute } from "@tanstack/react-router";
import { Workflows } from "~/screens/workflows/Workflows";

export const Route = createFileRoute("/_in/workflows/")({
  validateSearch: (said: Record<string, unknown>): { words?: string } => (said.words !== undefined && said.words !== "" ? { words: String(said.words) } : {}),
  component: WorkflowsScreen,
});

function WorkflowsScreen() {
  const navigate = Route.useNavigate();
  return <Workflows words={Route.useSearch().words ?? ""} say={(words) => void navigate({ search: words ? { words } : {}, replace: true, resetScroll: false })} />;
}
