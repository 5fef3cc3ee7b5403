import { createFileRoute } from "@tanstack/react-router";
import { Jobs } from "~/screens/jobs/Jobs";
import { readSearch } from "~/screens/jobs/search";

export const Route = createFileRoute("/_in/jobs/")({ validateSearch: readSearch, component: JobsScreen });

function JobsScreen() {
  const search = Route.useSearch();
  const navigate = Route.useNavigate();
  return <Jobs search={search} choose={(next) => void navigate({ search: readSearch({ ...next }) })} />;
}
