import { createFileRoute } from "@tanstack/react-router";
import { Places } from "~/screens/files/Places";

export const Route = createFileRoute("/_in/files/")({
  validateSearch: (said: Record<string, unknown>): { run?: string } => (typeof said.run === "string" ? { run: said.run } : {}),
  component: PlacesScreen,
});

function PlacesScreen() {
  return <Places run={Route.useSearch().run} />;
}
