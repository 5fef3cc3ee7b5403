/** A workflow tried out on a directory: what it would do there, before anything is done. */
import { Autocomplete, Button, Drawer, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { asked, hub } from "~/api/client";
import { siteQuery } from "~/api/places";
import { siteNamesQuery, spacesQuery, type Workflow } from "~/api/queries";
import { base64Of } from "~/format/paths";
import { unspelled } from "~/format/spelling";
import { FileMark } from "~/parts/FileMark";
import { Icon } from "~/parts/Icon";
import { PathText } from "~/parts/Shown";
import { SiteSelect } from "~/parts/SiteSelect";
import { Trouble, Waiting } from "~/parts/Standing";
import { Order } from "../files/Creator";
import files from "../files/Files.module.css";
import css from "./Form.module.css";

export default function Trial({ workflow, close }: { workflow: Workflow; close: () => void }) {
  const first = useQuery(siteNamesQuery()).data?.results[0]?.name ?? "";
  const spaces = useQuery(spacesQuery).data?.results ?? [];
  const [chosen, setSite] = useState("");
  const site = chosen || first;
  const roots = useQuery({ ...siteQuery(site), enabled: site !== "" }).data?.roots ?? {};
  const [path, setPath] = useState("");
  const [at, setAt] = useState<{ site: string; path: string }>();
  const known = [...spaces.filter((space) => space.site === site).map((space) => space.path), ...Object.values(roots)];
  const look = (event: FormEvent): void => {
    event.preventDefault();
    if (site && path.startsWith("/")) setAt({ site, path });
  };
  return (
    <Drawer.Root opened onClose={close} position="right" size="46rem">
      <Drawer.Overlay />
      <Drawer.Content>
        <div className={files.told}><Drawer.Title fw={600} fz="lg">Try {workflow.name} on a directory</Drawer.Title><Drawer.CloseButton aria-label="Close" /></div>
        <Drawer.Body>
          <Stack>
            <form className={css.where} onSubmit={look}>
              <SiteSelect label="Site" value={site} choose={(name) => (setSite(name ?? ""), setAt(undefined))} allowDeselect={false} />
              <Autocomplete label="Directory" className={css.long} classNames={{ input: "mono" }} placeholder={known[0] ?? "/"} value={path} onChange={setPath} data={[...new Set(known)]} spellCheck={false} error={path !== "" && !path.startsWith("/") && "Expected a path from / on"} data-autofocus />
              <Button type="submit" variant="default" leftSection={<Icon name="search" size={15} />} disabled={!site || !path.startsWith("/")}>Look</Button>
            </form>
            {at && <There key={`${at.site} ${at.path}`} site={at.site} path={at.path} workflow={workflow} />}
          </Stack>
        </Drawer.Body>
      </Drawer.Content>
    </Drawer.Root>
  );
}

function There({ site, path, workflow }: { site: string; path: string; workflow: Workflow }) {
  const found = useQuery({
    queryKey: ["files", site, path, "itself"],
    retry: false,
    queryFn: ({ signal }) => asked(hub.GET("/api/sites/{site}/files/", { params: { path: { site }, query: { path_b64: base64Of(unspelled(path)), page_size: 1 } }, signal })),
  });
  const here = found.data?.here;
  if (!here) return found.isPending ? <Waiting rows={3} /> : <Trouble error={found.error} again={() => void found.refetch()} />;
  return (
    <>
      <p className={css.here}><FileMark file={here} /><PathText base64={here.path_b64} /></p>
      <Order site={site} files={[here]} workflow={workflow} />
    </>
  );
}
