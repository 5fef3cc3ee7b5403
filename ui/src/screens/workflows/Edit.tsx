/** The editor of definitions: text that the hub checks while somebody types, and keeps as a new version. */
import { Button, SegmentedControl, Title } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useBlocker, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useMemo, useState } from "react";
import { asked, hub, Problem } from "~/api/client";
import { workflowQuery, type Workflow } from "~/api/queries";
import { plural } from "~/format/numbers";
import { Icon } from "~/parts/Icon";
import { Page } from "~/parts/Page";
import { tellDone, Trouble, Waiting } from "~/parts/Standing";
import { Problems } from "./Problems";
import { rangeOf, read, write, type Language, type Mark } from "./reading";
import css from "./Workflows.module.css";

const Code = lazy(() => import("./Code"));
const PAUSE = 350;

const TEMPLATE = `# Which paths go down which chain of steps.
name: tidy
label: Check, then migrate
discovery: recursive
fields: []
filter_rules:
  - type: file
    state: all
    include: ["*.dat"]
    action:
      - name: checksum
      - name: migrate
        premigrate: true
`;

export function NewWorkflow() {
  return <Editor start={TEMPLATE} />;
}

export function EditWorkflow({ name }: { name: string }) {
  // What others keep meanwhile must not go into what is being written here.
  const found = useQuery({ ...workflowQuery(name), staleTime: 0, refetchOnWindowFocus: false, refetchOnReconnect: false });
  const above = <><Link to="/workflows" search={{}}>Workflows</Link> / <Link to="/workflows/$name" params={{ name }} search={{}}>{name}</Link></>;
  const [begun, setBegun] = useState<Workflow>();
  if (found.data && !begun && !found.isFetching) setBegun(found.data);
  if (begun) return <Editor workflow={begun} start={write(begun.definition, "yaml")} />;
  return <Page title={`Edit ${name}`} above={above}><div className="panel">{found.isError ? <Trouble error={found.error} again={() => void found.refetch()} /> : <Waiting />}</div></Page>;
}

/** What the hub says of a document; nothing while there is none. */
function useCheck(value: unknown) {
  return useQuery({
    queryKey: ["check", value],
    enabled: value !== undefined,
    placeholderData: keepPreviousData,
    gcTime: 10_000,
    queryFn: ({ signal }) => asked(hub.POST("/api/workflows/check/", { body: value as never, signal })),
  });
}

function Editor({ workflow, start }: { workflow?: Workflow; start: string }) {
  const [text, setText] = useState(start);
  const [language, setLanguage] = useState<Language>("yaml");
  const [goal, setGoal] = useState<{ at: number }>();
  const [settled] = useDebouncedValue(text, PAUSE);
  const reading = useMemo(() => read(settled, language), [settled, language]);
  const check = useCheck(reading.value);
  const marks = useMemo<Mark[]>(() => {
    if (reading.marks.length) return reading.marks;
    return (check.data?.problems ?? []).map((fault) => {
      const [from, to] = rangeOf(reading.tree, settled, fault.place);
      return { from, to, place: fault.place, text: fault.text, ...(fault.expected ? { expected: fault.expected } : {}), ...(fault.found ? { found: fault.found } : {}) };
    });
  }, [reading, check.data, settled]);
  const asking = settled !== text || (reading.value !== undefined && (check.isPending || check.isPlaceholderData));
  const changed = text !== start;
  const { save, kept } = useSave(workflow);
  useBlocker({ shouldBlockFn: () => changed && !kept.current && !window.confirm("What you have changed is not saved. Leave it?"), enableBeforeUnload: () => changed && !kept.current });
  const turn = (to: Language): void => {
    const now = read(text, language);
    if (now.value === undefined) return;
    setText(write(now.value, to));
    setLanguage(to);
  };
  const valid = !asking && !check.error && marks.length === 0 && reading.value !== undefined;
  const above = <><Link to="/workflows" search={{}}>Workflows</Link>{workflow && <> / <Link to="/workflows/$name" params={{ name: workflow.name }} search={{}}>{workflow.name}</Link></>}</>;
  return (
    <Page title={workflow ? `Edit ${workflow.name}` : "New workflow"} above={above} actions={<Button disabled={!valid || (workflow !== undefined && !changed)} loading={save.isPending} leftSection={<Icon name="check" size={15} />} onClick={() => save.mutate({ value: reading.value, force: save.error instanceof Problem && save.error.status === 412 })}>{save.error instanceof Problem && save.error.status === 412 ? "Save over it" : workflow ? `Save as version ${workflow.version + 1}` : "Save"}</Button>}>
      {save.error && <Trouble error={save.error} />}
      {check.error && <Trouble error={check.error} again={() => void check.refetch()} />}
      <div className={css.editor}>
        <section className={`panel ${css.code}`} aria-label="Code">
          <header>
            <Title order={2}>Definition</Title>
            <Verdict asking={asking} marks={marks} readable={reading.value !== undefined} />
            <SegmentedControl size="xs" aria-label="Language" value={language} onChange={(to) => turn(to as Language)} data={[{ value: "yaml", label: "YAML" }, { value: "json", label: "JSON" }]} disabled={reading.value === undefined} />
          </header>
          <Suspense fallback={<Waiting rows={14} />}><Code text={text} language={language} marks={marks} say={setText} goal={goal} /></Suspense>
        </section>
        <Problems marks={marks} text={settled} go={(at) => setGoal({ at })} />
      </div>
    </Page>
  );
}

function Verdict({ asking, marks, readable }: { asking: boolean; marks: readonly Mark[]; readable: boolean }) {
  const valid = !asking && marks.length === 0 && readable;
  return (
    <span className={css.verdict} role="status" data-valid={asking ? "asking" : valid}>
      {asking ? "Checking…" : valid ? <><Icon name="check" size={15} />Valid</> : <><Icon name="warning" size={15} />{plural(marks.length, "problem")}</>}
    </span>
  );
}

/** Keeps it, unless somebody else has kept a version since this one was read. */
function useSave(workflow: Workflow | undefined) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [kept] = useState({ current: false });
  const save = useMutation({
    mutationFn: async ({ value, force }: { value: unknown; force: boolean }) => {
      if (workflow && !force) {
        const now = await asked(hub.GET("/api/workflows/{name}/", { params: { path: { name: workflow.name } } }));
        if (now.version !== workflow.version) throw new Problem(412, "Somebody else has saved it meanwhile", `${workflow.name}: expected version ${workflow.version}, which you began with, found version ${now.version}. Compare them in its versions; saving over it makes yours the newest, and theirs stays among the versions.`);
      }
      return asked(hub.POST("/api/workflows/", { body: value as never }));
    },
    onSuccess: async (made) => {
      kept.current = true;
      await client.invalidateQueries({ queryKey: ["workflows"] });
      tellDone(`Workflow ${made.name} is kept as version ${made.version}.`);
      await navigate({ to: "/workflows/$name", params: { name: made.name }, search: {} });
    },
  });
  return { save, kept };
}
