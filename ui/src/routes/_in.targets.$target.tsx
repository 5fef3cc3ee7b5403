import { createFileRoute } from "@tanstack/react-router";
import { Target, type TargetSearch } from "~/screens/targets/Target";

export const Route = createFileRoute("/_in/targets/$target")({
  validateSearch: (said: Record<string, unknown>): TargetSearch => ({ ...(said.prefix ? { prefix: String(said.prefix) } : {}), ...(said.site ? { site: String(said.site) } : {}) }),
  component: TargetScreen,
});

function TargetScreen() {
  const { target } = Route.useParams();
  const search = Route.useSearch();
  const navigate = Route.useNavigate();
  return <Target key={target} name={target} search={search} choose={(next) => void navigate({ search: next })} />;
}
