import { createFileRoute } from "@tanstack/react-router";
import { NewWorkflow } from "~/screens/workflows/Edit";
import { readEditSearch } from "~/screens/workflows/search";

export const Route = createFileRoute("/_in/define")({ validateSearch: readEditSearch, component: DefineScreen });

function DefineScreen() {
  const navigate = Route.useNavigate();
  return <NewWorkflow view={Route.useSearch().view ?? "form"} look={(view) => void navigate({ search: view === "code" ? { view } : {}, replace: true, resetScroll: false })} />;
}
