/** Targets, where data goes, and the buckets in which they lie. */
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { bucketsQuery, targetsQuery, type Bucket, type Target } from "~/api/places";
import { count, plural } from "~/format/numbers";
import { Opens } from "~/parts/Asking";
import { Icon } from "~/parts/Icon";
import { Page, Panel } from "~/parts/Page";
import { Time } from "~/parts/Shown";
import { Empty, Trouble, Waiting } from "~/parts/Standing";
import { useMay } from "~/shell/rights";
import { Virtual } from "../job/Virtual";
import { CredentialsDialog, NewBucketDialog, NewTargetDialog, RemoveDialog } from "./changes";
import css from "./Targets.module.css";

export function Targets() {
  const targets = useQuery(targetsQuery);
  const buckets = useQuery(bucketsQuery);
  const may = useMay("administer");
  return (
    <Page title="Targets" beside={targets.data && <span className="dim">{count(targets.data.count)}</span>} actions={may && <AddTarget />}>
      <Panel title="Targets">
        {targets.isPending ? <Waiting /> : !targets.data ? <Trouble error={targets.error} again={() => void targets.refetch()} />
          : targets.data.results.length === 0 ? (
            <Empty icon="target" title="No target yet" action={may && <AddTarget filled />}>
              A target is where data goes: a directory, a bucket of S3 or Azure, a server of SFTP. {may ? "Add one, then check it from a site." : "An administrator adds one here."}
            </Empty>
          )
          : <Virtual rows={targets.data.results} height={42} label="Targets" heads={["Target", "URL", "Bucket", "Storage class", "Made"]} layout={css.trow} cells={targetCells} more={undefined} busy={false} />}
      </Panel>
      <Panel title="Buckets" actions={may && <Opens size="xs" icon={<Icon name="plus" size={14} />} dialog={(close) => <NewBucketDialog close={close} />}>Add a bucket</Opens>}>
        {buckets.isPending ? <Waiting rows={3} /> : !buckets.data ? <Trouble error={buckets.error} again={() => void buckets.refetch()} />
          : buckets.data.results.length === 0 ? <Empty icon="target" title="No bucket yet">A bucket holds the credentials of a place once for all targets in it. A target at a URL brings its own.</Empty>
          : <Virtual rows={buckets.data.results} height={44} label="Buckets" heads={["Bucket", "URL", "Credentials", "Targets", "Actions"]} layout={css.brow} cells={bucketCells} more={undefined} busy={false} />}
      </Panel>
    </Page>
  );
}

function AddTarget({ filled = false }: { filled?: boolean }) {
  const navigate = useNavigate();
  const go = (target: string): void => void navigate({ to: "/targets/$target", params: { target }, search: {} });
  return <Opens variant={filled ? "filled" : "default"} icon={<Icon name="plus" size={15} />} dialog={(close) => <NewTargetDialog close={close} made={go} />}>Add a target</Opens>;
}

const targetCells = (target: Target) => [
  <Link key="n" to="/targets/$target" params={{ target: target.name }} search={{}}>{target.name}</Link>, <span key="u" className="mono" title={target.url}>{target.url}</span>,
  target.bucket, target.storage_class || <span className="dim">the store's own</span>, <Time key="t" at={target.created_at} />,
];

const bucketCells = (bucket: Bucket) => [
  <strong key="n">{bucket.name}</strong>, <span key="u" className="mono" title={bucket.url}>{bucket.url}</span>,
  bucket.has_credentials ? "kept, never shown" : <span className="dim">none of its own</span>,
  bucket.targets.length ? <span key="t" title={bucket.targets.join(", ")}>{bucket.targets.length === 1 ? bucket.targets[0] : plural(bucket.targets.length, "target")}</span> : <span className="dim">none</span>,
  <BucketAsks key={bucket.name} bucket={bucket} />,
];

function BucketAsks({ bucket }: { bucket: Bucket }) {
  if (!useMay("administer")) return null;
  return (
    <span style={{ display: "flex", gap: ".4rem", justifyContent: "flex-end" }}>
      <Opens size="compact-xs" label={`Other credentials for ${bucket.name}`} dialog={(close) => <CredentialsDialog bucket={bucket} close={close} />}>Credentials</Opens>
      {bucket.targets.length === 0 && <Opens size="compact-xs" label={`Remove bucket ${bucket.name}`} dialog={(close) => <RemoveDialog what="bucket" name={bucket.name} close={close} />}>Remove</Opens>}
    </span>
  );
}
