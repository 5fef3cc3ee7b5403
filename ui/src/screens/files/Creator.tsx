/** The job creator: a workflow, what it asks, what it would do, and the run. */
import { Alert, Button, Checkbox, Drawer, Group, NativeSelect, Select, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useMemo, useRef, useState, type FormEvent } from "react";
import { asked, hub } from "~/api/client";
import { workflowNamesQuery, workflowQuery, type File, type Workflow } from "~/api/queries";
import { count, plural } from "~/format/numbers";
import { FileMark } from "~/parts/FileMark";
import { Icon } from "~/parts/Icon";
import { LinkButton } from "~/parts/LinkButton";
import { PathText } from "~/parts/Shown";
import { SiteSelect, TYPED } from "~/parts/SiteSelect";
import { Empty, tellDone, Trouble, Waiting } from "~/parts/Standing";
import { fieldsOf, type Field } from "../workflows/definition";
import { blank, faultsOf, fresh, given, keyed, PLAIN, submissionOf, type Manner, type Submission, type Values } from "./creator";
import css from "./Files.module.css";
import { Foreseen } from "./Foreseen";

const LISTED = 100;

interface Making {
  site: string;
  files: readonly File[];
  workflow: string;
  close: () => void;
  choose: (workflow: string) => void;
}

export default function Creator({ site, files, workflow, close, choose }: Making) {
  const [words, setWords] = useState("");
  const [typed] = useDebouncedValue(words, TYPED);
  const chosen = useQuery({ ...workflowQuery(workflow), enabled: workflow !== "", retry: false });
  const found = chosen.data && runs(chosen.data) ? chosen.data : undefined;
  const list = useQuery(workflowNamesQuery(found && typed === labelOf(found) ? "" : typed));
  const offered = useMemo(() => list.data?.results.filter(runs) ?? [], [list.data]);
  const choices = found && !offered.some((one) => one.name === found.name) ? [found, ...offered] : offered;
  return (
    <Drawer.Root opened onClose={close} position="right" size="46rem">
      <Drawer.Overlay />
      <Drawer.Content>
        <div className={css.told}><Drawer.Title fw={600} fz="lg">New job at {site}</Drawer.Title><Drawer.CloseButton aria-label="Close" /></div>
        <Drawer.Body>
          <Stack>
            <Paths files={files} />
            {list.isPending ? <Waiting rows={4} /> : !list.data ? <Trouble error={list.error} again={() => void list.refetch()} />
              : choices.length === 0 && typed === "" && list.data.next === null ? <Empty icon="workflow" title="No workflow may be run" action={<LinkButton to="/workflows" mt="sm">To the workflows</LinkButton>}>None is enabled and visible.</Empty>
              : (
                <>
                  <Select label="Workflow" placeholder="Choose one" searchable allowDeselect={false} value={found?.name ?? null} searchValue={words} onSearchChange={setWords} onChange={(name) => name && choose(name)} data-autofocus
                    nothingFoundMessage="No workflow fits" data={choices.map((one) => ({ value: one.name, label: labelOf(one) }))} />
                  {workflow && !found && !chosen.isPending && <Alert color="red" variant="light" title={`No workflow ${workflow} may be run`}>It is not there, not enabled, or not visible. Choose another.</Alert>}
                  {found && <Order key={found.name} site={site} files={files} workflow={found} />}
                </>
              )}
          </Stack>
        </Drawer.Body>
      </Drawer.Content>
    </Drawer.Root>
  );
}

const runs = (one: Workflow): boolean => one.visible && one.enabled;
const labelOf = (one: Workflow): string => (one.label && one.label !== one.name ? `${one.label} (${one.name})` : one.name);

function Paths({ files }: { files: readonly File[] }) {
  return (
    <div>
      <Text size="sm" fw={500} mb={4}>{files.length === 1 ? "Path" : `${count(files.length)} paths`}</Text>
      <ul className={css.chosen} tabIndex={0} aria-label="Paths of the job">
        {files.slice(0, LISTED).map((file) => <li key={file.path_b64} className={css.name}><FileMark file={file} /><PathText base64={file.path_b64} /></li>)}
        {files.length > LISTED && <li className="dim">and {count(files.length - LISTED)} more</li>}
      </ul>
    </div>
  );
}

function useSubmit() {
  const key = useRef(keyed(fresh));
  return useMutation({
    mutationFn: (order: Submission) => asked(hub.POST("/api/file/workflow/", { params: { header: { "idempotency-key": key.current.of(order) } }, body: order as never })),
    onSuccess: () => key.current.spent(),
  });
}

/** What is said before a workflow runs on some files: its fields, how it runs, a dry run, the run. */
export function Order({ site, files, workflow }: { site: string; files: readonly File[]; workflow: Workflow }) {
  const fields = useMemo(() => fieldsOf(workflow.definition), [workflow]);
  const [values, setValues] = useState<Values>(() => blank(fields));
  const [manner, setManner] = useState(PLAIN);
  const [told, setTold] = useState(false);
  const navigate = useNavigate();
  const order = submissionOf(workflow.name, site, files, given(fields, values), manner);
  const words = JSON.stringify(order);
  const run = useSubmit();
  const dry = useSubmit();
  const [dryOf, setDryOf] = useState("");
  const faults = faultsOf(fields, values);
  const whole = (then: () => void): void => {
    setTold(true);
    if (Object.keys(faults).length === 0) then();
  };
  const start = (event: FormEvent): void => {
    event.preventDefault();
    whole(() => run.mutate(order, { onSuccess: (job) => (tellDone(`Job ${job.id} was submitted.`), void navigate({ to: "/jobs/$job", params: { job: String(job.id) }, search: {} })) }));
  };
  return (
    <form onSubmit={start} noValidate>
      <Stack>
        {workflow.warnings.length > 0 && <Alert color="yellow" variant="light" styles={{ root: { background: "var(--tow-warn-soft)" }, title: { color: "var(--tow-warn)" } }} title="Perhaps not as meant">{workflow.warnings.map((one) => <Text size="sm" key={one}>{one}</Text>)}</Alert>}
        <Form fields={fields} values={values} put={(name, value) => setValues({ ...values, [name]: value })} faults={told ? faults : {}} />
        <Run manner={manner} put={(more) => setManner({ ...manner, ...more })} />
        {dry.error && <Trouble error={dry.error} />}
        {dry.data && <Foreseen id={dry.data.id} workflow={workflow} stale={dryOf !== words} />}
        {run.error && <Trouble error={run.error} />}
      </Stack>
      <div className={css.buttons}>
        <Button variant="default" leftSection={<Icon name="search" size={15} />} loading={dry.isPending} onClick={() => whole(() => dry.mutate({ ...order, dry_run: true }, { onSuccess: () => setDryOf(words) }))}>Dry run</Button>
        <Button type="submit" leftSection={<Icon name="play" size={15} />} loading={run.isPending}>Run on {plural(files.length, "path")}</Button>
      </div>
    </form>
  );
}

interface Asking {
  fields: readonly Field[];
  values: Values;
  put: (name: string, value: string | boolean) => void;
  faults: Readonly<Record<string, string>>;
}

/** What must be said stands open; what may be said is behind one word. */
function Form({ fields, values, put, faults }: Asking) {
  const must = fields.filter((field) => field.required);
  const may = fields.filter((field) => !field.required);
  const said = Object.keys(given(may, values)).length;
  const some = (those: readonly Field[]) => those.map((field) => <Input key={field.name} field={field} value={values[field.name] ?? ""} put={(value) => put(field.name, value)} fault={faults[field.name]} />);
  const inputs = (those: readonly Field[]) => {
    const flags = those.filter((field) => field.type === "bool");
    return <><div className={css.fields}>{some(those.filter((field) => field.type !== "bool"))}</div>{flags.length > 0 && <div className={css.flags}>{some(flags)}</div>}</>;
  };
  return (
    <>
      {must.length > 0 && inputs(must)}
      {may.length > 0 && <details open={may.some((field) => faults[field.name])}><summary className={css.more}>{plural(may.length, "option")}{said > 0 && `, ${count(said)} set`}</summary>{inputs(may)}</details>}
    </>
  );
}

function Input({ field, value, put, fault }: { field: Field; value: string | boolean; put: (value: string | boolean) => void; fault: string | undefined }) {
  const label = field.label ? field.label.slice(0, 1).toUpperCase() + field.label.slice(1) : field.name;
  const shared = { label, size: "sm", required: field.required, error: fault, description: field.label ? <span className="mono">{field.name}</span> : undefined } as const;
  if (field.type === "bool") return <Checkbox label={<>{label} <span className="mono dim">{field.name}</span></>} checked={value === true} onChange={(event) => put(event.currentTarget.checked)} />;
  const blank = field.required ? "Choose one" : "As it comes";
  if (field.type === "enum") return <SiteSelect {...shared} placeholder={blank} clearable={!field.required} value={String(value)} choose={(site) => put(site ?? "")} />;
  if (field.type === "choice") return <NativeSelect {...shared} value={String(value)} onChange={(event) => put(event.currentTarget.value)} data={[...(field.default === null ? [{ value: "", label: blank }] : []), ...field.choices]} />;
  return <TextInput {...shared} value={String(value)} inputMode={field.type === "int" ? "numeric" : undefined} onChange={(event) => put(event.currentTarget.value)} />;
}

function Run({ manner, put }: { manner: Manner; put: (more: Partial<Manner>) => void }) {
  const said = Object.values(manner).filter(Boolean).length;
  return (
    <details>
      <summary className={css.more}>How it runs{said > 0 && `, ${count(said)} set`}</summary>
      <Group grow align="end">
        <TextInput label="Queue" placeholder="default" value={manner.queue} onChange={(event) => put({ queue: event.currentTarget.value })} />
        <TextInput label="Priority" placeholder="0" inputMode="numeric" description="The higher goes first" value={manner.priority} onChange={(event) => put({ priority: event.currentTarget.value })} />
        <TextInput label="Tasks at once" placeholder="any number" inputMode="numeric" value={manner.maxTasks} onChange={(event) => put({ maxTasks: event.currentTarget.value })} />
      </Group>
    </details>
  );
}
