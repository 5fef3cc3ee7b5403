import { createFileRoute } from "@tanstack/react-router";
import { Alerts } from "~/screens/alerts/Alerts";
import { readAlertsSearch } from "~/screens/alerts/standing";

export const Route = createFileRoute("/_in/alerts")({ validateSearch: readAlertsSearch, component: AlertsScreen });

function AlertsScreen() {
  const search = Route.useSearch();
  const navigate = Route.useNavigate();
  return <Alerts search={search} choose={(next) => void navigate({ search: readAlertsSearch({ ...next }), replace: true })} />;
}
