import { createFileRoute } from "@tanstack/react-router";
import { EditWorkflow } from "~/screens/workflows/Edit";
import { readEditSearch } from "~/screens/workflows/search";

export const Route = createFileRoute("/_in/workflows/$name_/edit")({ validateSearch: readEditSearch, component: EditScreen });

function EditScreen() {
  const { name } = Route.useParams();
  const navigate = Route.useNavigate();
  return <EditWorkflow key={name} name={name} view={Route.useSearch().view ?? "form"} look={(view) => void navigate({ search: view === "code" ? { view } : {}, replace: true, resetScroll: false })} />;
}
