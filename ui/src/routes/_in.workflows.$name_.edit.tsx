import { createFileRoute } from "@tanstack/react-router";
import { EditWorkflow } from "~/screens/workflows/Edit";

export const Route = createFileRoute("/_in/workflows/$name_/edit")({ component: EditScreen });

function EditScreen() {
  const { name } = Route.useParams();
  return <EditWorkflow key={name} name={name} />;
}
