import { createFileRoute } from "@tanstack/react-router";
import { Job } from "~/screens/job/Job";
import { readJobSearch } from "~/screens/job/search";

export const Route = createFileRoute("/_in/jobs/$job")({ validateSearch: readJobSearch, component: JobScreen });

function JobScreen() {
  const { job } = Route.useParams();
  const search = Route.useSearch();
  const navigate = Route.useNavigate();
  return <Job key={job} id={Number(job)} search={search} choose={(next) => void navigate({ search: next, replace: true })} />;
}
