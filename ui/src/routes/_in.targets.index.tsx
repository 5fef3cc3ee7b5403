import { createFileRoute } from "@tanstack/react-router";
import { Targets } from "~/screens/targets/Targets";

export const Route = createFileRoute("/_in/targets/")({ component: Targets });
