import { createFileRoute } from "@tanstack/react-router";
import { Audit } from "~/screens/audit/Audit";
import { readAuditSearch } from "~/screens/audit/search";

export const Route = createFileRoute("/_in/audit")({ validateSearch: readAuditSearch, component: AuditScreen });

function AuditScreen() {
  const search = Route.useSearch();
  const navigate = Route.useNavigate();
  return <Audit search={search} choose={(next) => void navigate({ search: readAuditSearch({ ...next }) })} />;
}
