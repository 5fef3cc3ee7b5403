/** Which alerts are shown: of a kind, of a site. */
import { Button, Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { sitesQuery } from "~/api/queries";
import type { Choosing } from "./Alerts";
import css from "./Alerts.module.css";
import { ALL_KINDS, KINDS } from "./standing";

export function Filters({ search, choose }: Choosing) {
  const sites = useQuery(sitesQuery);
  const names = [...new Set([...(sites.data?.results ?? []).map((site) => site.name), ...(search.site ? [search.site] : [])])];
  return (
    <div className={css.bar}>
      <Select size="xs" w={190} aria-label="Only of a kind" placeholder="Any kind" clearable clearButtonProps={{ "aria-label": "Any kind" }} value={search.kind ?? null}
        data={ALL_KINDS.map((kind) => ({ value: kind, label: KINDS[kind].title }))} onChange={(value) => choose({ ...search, kind: ALL_KINDS.find((kind) => kind === value) })} />
      <Select size="xs" w={170} aria-label="Only of a site" placeholder="Any site" searchable clearable clearButtonProps={{ "aria-label": "Any site" }} value={search.site ?? null}
        data={names} onChange={(value) => choose({ ...search, site: value ?? undefined })} />
      {(search.kind ?? search.site) && <Button size="xs" variant="subtle" onClick={() => choose({ tab: search.tab })}>Clear all filters</Button>}
    </div>
  );
}
