import { createFileRoute } from "@tanstack/react-router";
import { NotThere } from "~/shell/NotThere";

/** Whatever has no screen of its own: told within the menu, to whom is signed in. */
export const Route = createFileRoute("/_in/$")({ component: NotThere });
