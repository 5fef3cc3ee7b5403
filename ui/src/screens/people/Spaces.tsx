/** Spaces: directories of sites that bear a name, in which groups may do something. */
import { Select, TextInput } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { asked, hub } from "~/api/client";
import { siteQuery, spacesQuery, targetsQuery, type Space } from "~/api/places";
import { plural } from "~/format/numbers";
import { Asking, Opens } from "~/parts/Asking";
import { Icon } from "~/parts/Icon";
import { PathText } from "~/parts/Shown";
import { SiteSelect } from "~/parts/SiteSelect";
import { Empty, tellDone, Trouble, Waiting } from "~/parts/Standing";
import { Virtual } from "../job/Virtual";
import css from "./People.module.css";

export function Spaces() {
  const spaces = useQuery(spacesQuery);
  const add = <Opens size="xs" icon={<Icon name="plus" size={14} />} dialog={(close) => <NewSpaceDialog close={close} />}>Add a space</Opens>;
  if (spaces.isPending) return <Waiting />;
  if (!spaces.data) return <Trouble error={spaces.error} again={() => void spaces.refetch()} />;
  if (spaces.data.results.length === 0) return <Empty icon="files" title="No space yet" action={add}>A space is a directory of a site that bears a name. Groups may work in it, and it may have a default target of its own.</Empty>;
  return (
    <>
      <div className={css.bar}><span className="dim">{plural(spaces.data.count, "space")}</span><span style={{ marginLeft: "auto" }}>{add}</span></div>
      <Virtual rows={spaces.data.results} height={42} label="Spaces" heads={["Space", "Site", "Directory", "Default target", "Actions"]} layout={css.srow} cells={cellsOf} more={undefined} busy={false} />
    </>
  );
}

const cellsOf = (space: Space) => [
  <strong key="n">{space.name}</strong>, space.site, <PathText key="p" path={space.path} clip />, space.default_target ?? <span key="t" className="dim">as the site</span>, <Remove key={`${space.name} ${space.site}`} space={space} />,
];

function useSettled(): (told: string) => void {
  const client = useQueryClient();
  return (told) => {
    tellDone(told);
    void client.invalidateQueries({ queryKey: ["spaces"] });
  };
}

function Remove({ space }: { space: Space }) {
  const settled = useSettled();
  return (
    <Opens size="compact-xs" label={`Remove space ${space.name} of ${space.site}`} dialog={(close) => (
      <Asking title={`Remove space ${space.name} of ${space.site}`} verb="Remove it" danger about="Its files stay. What groups may in spaces of this name ends with the last of them." close={close}
        ask={() => asked(hub.DELETE("/api/spaces/{name}/{site}/", { params: { path: { name: space.name, site: space.site } } }))} done={() => (close(), settled(`Space ${space.name} of ${space.site} was removed.`))} />
    )}>Remove</Opens>
  );
}

function NewSpaceDialog({ close }: { close: () => void }) {
  const targets = useQuery(targetsQuery);
  const [name, setName] = useState("");
  const [site, setSite] = useState<string | null>(null);
  const [path, setPath] = useState("");
  const [target, setTarget] = useState<string | null>(null);
  const settled = useSettled();
  const roots = Object.values(useQuery({ ...siteQuery(site ?? ""), enabled: site !== null }).data?.roots ?? {});
  return (
    <Asking title="Add a space" verb="Add the space" ready={name.trim() !== "" && site !== null && path !== ""} close={close}
      ask={() => asked(hub.POST("/api/spaces/", { body: { name: name.trim(), site: site ?? "", path, default_target: target } as Space }))} done={(space) => (settled(`Space ${space.name} of ${space.site} was added.`), close())}>
      <TextInput label="Name" placeholder="genomes" required data-autofocus value={name} onChange={(event) => setName(event.currentTarget.value)} />
      <SiteSelect label="Site" required value={site} choose={setSite} />
      <TextInput label="Directory" description={roots.length ? `Absolute, beneath ${roots.join(" or ")}` : "Absolute, beneath a root of the site"} required value={path} onChange={(event) => setPath(event.currentTarget.value)} />
      <Select label="Default target" description="Left empty: what the site says" clearable clearButtonProps={{ "aria-label": "As the site" }} data={(targets.data?.results ?? []).map((one) => one.name)} value={target} onChange={setTarget} />
    </Asking>
  );
}
