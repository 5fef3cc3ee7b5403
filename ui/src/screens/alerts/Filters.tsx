/** Which alerts are shown: of a kind, of a site. */
import { Button, Select } from "@mantine/core";
import { SiteSelect } from "~/parts/SiteSelect";
import type { Choosing } from "./Alerts";
import css from "./Alerts.module.css";
import { ALL_KINDS, KINDS } from "./standing";

export function Filters({ search, choose }: Choosing) {
  return (
    <div className={css.bar}>
      <Select size="xs" w={190} aria-label="Only of a kind" placeholder="Any kind" clearable clearButtonProps={{ "aria-label": "Any kind" }} value={search.kind ?? null}
        data={ALL_KINDS.map((kind) => ({ value: kind, label: KINDS[kind].title }))} onChange={(value) => choose({ ...search, kind: ALL_KINDS.find((kind) => kind === value) })} />
      <SiteSelect size="xs" w={170} aria-label="Only of a site" placeholder="Any site" clearable clearButtonProps={{ "aria-label": "Any site" }} value={search.site} choose={(site) => choose({ ...search, site: site ?? undefined })} />
      {(search.kind ?? search.site) && <Button size="xs" variant="subtle" onClick={() => choose({ tab: search.tab })}>Clear all filters</Button>}
    </div>
  );
}
