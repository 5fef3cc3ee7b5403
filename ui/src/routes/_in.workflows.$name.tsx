import { createFileRoute } from "@tanstack/react-router";
import { Workflow } from "~/screens/workflows/Workflow";
import { readWorkflowSearch } from "~/screens/workflows/search";

export const Route = createFileRoute("/_in/workflows/$name")({ validateSearch: readWorkflowSearch, component: WorkflowScreen });

function WorkflowScreen() {
  const { name } = Route.useParams();
  const navigate = Route.useNavigate();
  return <Workflow key={name} name={name} search={Route.useSearch()} choose={(search) => void navigate({ search, replace: true, resetScroll: false })} />;
}
