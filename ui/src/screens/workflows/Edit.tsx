/** The editor of definitions: a text with two views, form and code, that the hub checks while somebody works on it, and keeps as a new version. */
import { Button, SegmentedControl } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useBlocker, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useMemo, useRef, useState } from "react";
import { asked, hub, Problem, type Fault } from "~/api/client";
import { workflowNamesQuery, workflowQuery, type Workflow } from "~/api/queries";
import { plural } from "~/format/numbers";
import { Icon } from "~/parts/Icon";
import { Page } from "~/parts/Page";
import { Empty, tellDone, Trouble, Waiting } from "~/parts/Standing";
import { objectOf } from "./definition";
import { edited, type Change } from "./edits";
import { Problems } from "./Problems";
import { rangeOf, read, write, type Language, type Mark } from "./reading";
import type { View } from "./search";
import { Which, useWhich } from "./Which";
import { NOTHING } from "./trying";
import css from "./Workflows.module.css";

const Code = lazy(() => import("./Code"));
const Form = lazy(() => import("./Form"));
const PAUSE = 350;
/** Milliseconds without a change, after which the next one is undone apart. */
const BREATH = 1000;
const MOST_UNDONE = 100;
const NONE: readonly Fault[] = [];

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

export function NewWorkflow(viewing: Viewing) {
  return <Editor start={TEMPLATE} {...viewing} />;
}

export function EditWorkflow({ name, ...viewing }: { name: string } & Viewing) {
  // What others keep meanwhile must not go into what is being written here.
  const found = useQuery({ ...workflowQuery(name), staleTime: 0, refetchOnWindowFocus: false, refetchOnReconnect: false });
  const above = <><Link to="/workflows" search={{}}>Workflows</Link> / <Link to="/workflows/$name" params={{ name }} search={{}}>{name}</Link></>;
  const [begun, setBegun] = useState<Workflow>();
  if (found.data && !begun && !found.isFetching) setBegun(found.data);
  if (begun) return <Editor workflow={begun} start={write(begun.definition, "yaml")} {...viewing} />;
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

interface Viewing {
  view: View;
  look: (view: View) => void;
}

function Editor({ workflow, start, view, look }: { workflow?: Workflow; start: string } & Viewing) {
  const written = useWritten(start);
  const { text, language } = written;
  const [goal, setGoal] = useState<{ at: number; place: string }>();
  const [tried, setTried] = useState(NOTHING);
  const [settled] = useDebouncedValue(text, PAUSE);
  const now = useMemo(() => read(text, language), [text, language]);
  const reading = useMemo(() => read(settled, language), [settled, language]);
  const check = useCheck(reading.value);
  const faults = check.data?.problems ?? NONE;
  const marks = useMemo<Mark[]>(() => {
    if (reading.marks.length) return reading.marks;
    return faults.map((fault) => {
      const [from, to] = rangeOf(reading.tree, settled, fault.place);
      return { from, to, place: fault.place, text: fault.text, ...(fault.expected ? { expected: fault.expected } : {}), ...(fault.found ? { found: fault.found } : {}) };
    });
  }, [reading, faults, settled]);
  const which = useWhich(reading.value, tried);
  const { name } = objectOf(now.value);
  const { name: meant } = objectOf(reading.value);
  const kin = useQuery({ ...workflowNamesQuery(typeof meant === "string" ? meant : ""), enabled: typeof meant === "string" && meant !== "" }).data?.results;
  const asking = settled !== text || (reading.value !== undefined && (check.isPending || check.isPlaceholderData));
  const changed = text !== start;
  const { save, kept } = useSave(workflow);
  useBlocker({ shouldBlockFn: ({ current, next }) => current.pathname !== next.pathname && changed && !kept.current && !window.confirm("What you have changed is not saved. Leave it?"), enableBeforeUnload: () => changed && !kept.current });
  const valid = !asking && !check.error && marks.length === 0 && reading.value !== undefined;
  const above = <><Link to="/workflows" search={{}}>Workflows</Link>{workflow && <> / <Link to="/workflows/$name" params={{ name: workflow.name }} search={{}}>{workflow.name}</Link></>}</>;
  const turn = (to: Language): void => {
    setGoal(undefined);
    written.turn(to);
  };
  const goTo = (place: string): void => setGoal({ at: rangeOf(now.tree, text, place)[0], place });
  return (
    <Page title={workflow ? `Edit ${workflow.name}` : "New workflow"} above={above}>
      {save.error && <Trouble error={save.error} />}
      {check.error && <Trouble error={check.error} again={() => void check.refetch()} />}
      <div className={css.bar}>
        <SegmentedControl size="sm" aria-label="View" value={view} onChange={(to) => look(to as View)} data={[{ value: "form", label: "Form" }, { value: "code", label: "Code" }]} />
        {view === "code" && <SegmentedControl size="sm" aria-label="Language" value={language} onChange={(to) => turn(to as Language)} data={[{ value: "yaml", label: "YAML" }, { value: "json", label: "JSON" }]} disabled={now.value === undefined} />}
        {view === "form" && <Button size="xs" variant="default" leftSection={<Icon name="retry" size={14} />} disabled={!written.undo} onClick={written.undo}>Undo</Button>}
        <Verdict asking={asking} marks={marks} readable={reading.value !== undefined} />
        <Button disabled={!valid || (workflow !== undefined && !changed)} loading={save.isPending} leftSection={<Icon name="check" size={15} />} onClick={() => save.mutate({ value: reading.value, force: save.error instanceof Problem && save.error.status === 412 })}>{save.error instanceof Problem && save.error.status === 412 ? "Save over it" : savedAs(workflow, kin?.find((one) => one.name === name))}</Button>
      </div>
      <div className={css.editor}>
        {view === "code" ? <section className={`panel ${css.code}`} aria-label="Code"><Suspense fallback={<Waiting rows={14} />}><Code key={language} start={text} language={language} marks={marks} say={written.say} goal={goal} /></Suspense></section>
          : now.value === undefined ? <section className="panel" aria-label="Form"><Empty icon="warning" title="The code cannot be read" action={<Button mt="sm" variant="default" onClick={() => look("code")}>To the code</Button>}>The form shows it again once that is mended.</Empty></section>
          : <Suspense fallback={<div className="panel"><Waiting rows={14} /></div>}><Form value={now.value} named={workflow !== undefined} faults={faults} change={written.change} sorted={which.sorted} goal={goal} /></Suspense>}
        <div className={css.rail}>
          <Which tried={tried} put={(more) => setTried({ ...tried, ...more })} sorted={which.sorted} error={which.error} go={(rule) => goTo(`filter_rules[${rule}]`)} />
          <Problems marks={marks} text={settled} lines={view === "code"} go={(mark) => setGoal({ at: mark.from, place: mark.place })} />
        </div>
      </div>
    </Page>
  );
}

/** What saving would do: a name that another workflow has makes a version of that one. */
function savedAs(workflow: Workflow | undefined, named: Workflow | undefined): string {
  if (!named) return "Save";
  return named.name === workflow?.name ? `Save as version ${workflow.version + 1}` : `Save as version ${named.version + 1} of ${named.name}`;
}

/** The text, which both views change: the form by changes that leave all else of it alone. */
function useWritten(start: string) {
  const [text, setText] = useState(start);
  const [language, setLanguage] = useState<Language>("yaml");
  const [past, setPast] = useState<readonly string[]>([]);
  const last = useRef(0);
  const remember = (): void => {
    // What is done in one go is undone in one go.
    if (Date.now() - last.current > BREATH) setPast([...past, text].slice(-MOST_UNDONE));
    last.current = Date.now();
  };
  const back = past.at(-1);
  return {
    text, language,
    say: (next: string): void => {
      remember();
      setText(next);
    },
    change: (made: Change): void => {
      remember();
      setText((before) => edited(before, language, made));
    },
    turn: (to: Language): void => {
      const now = read(text, language);
      if (now.value === undefined) return;
      setText(write(now.value, to));
      setLanguage(to);
      setPast([]);
    },
    undo: back === undefined ? undefined : () => (last.current = 0, setText(back), setPast(past.slice(0, -1))),
  };
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
