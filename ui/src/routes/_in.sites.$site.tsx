import { createFileRoute } from "@tanstack/react-router";
import { Site } from "~/screens/sites/Site";

export const Route = createFileRoute("/_in/sites/$site")({ component: SiteScreen });

function SiteScreen() {
  const { site } = Route.useParams();
  return <Site key={site} name={site} />;
}
