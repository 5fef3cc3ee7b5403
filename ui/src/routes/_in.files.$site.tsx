import { createFileRoute } from "@tanstack/react-router";
import { Files } from "~/screens/files/Files";
import { readFilesSearch } from "~/screens/files/search";

export const Route = createFileRoute("/_in/files/$site")({ validateSearch: readFilesSearch, component: FilesScreen });

function FilesScreen() {
  const { site } = Route.useParams();
  const search = Route.useSearch();
  const navigate = Route.useNavigate();
  return <Files key={site} site={site} search={search} choose={(next, replace = false) => void navigate({ search: next, replace, resetScroll: !replace })} />;
}
