import { createFileRoute } from "@tanstack/react-router";
import { People, type PeopleTab } from "~/screens/people/People";

export const Route = createFileRoute("/_in/people")({
  validateSearch: (said: Record<string, unknown>): { tab?: PeopleTab } => (said.tab === "groups" || said.tab === "spaces" ? { tab: said.tab } : {}),
  component: PeopleScreen,
});

function PeopleScreen() {
  const { tab } = Route.useSearch();
  const navigate = Route.useNavigate();
  return <People tab={tab ?? "users"} choose={(next) => void navigate({ search: next === "users" ? {} : { tab: next }, replace: true })} />;
}
