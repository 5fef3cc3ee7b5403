import { createFileRoute } from "@tanstack/react-router";
import { NewWorkflow } from "~/screens/workflows/Edit";

export const Route = createFileRoute("/_in/define")({ component: NewWorkflow });
