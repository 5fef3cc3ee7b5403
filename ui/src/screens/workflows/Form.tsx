/** The form view of a definition: each change is one of its text, of which all else stays as it is. */
import { Button, Checkbox, NativeSelect, TextInput, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { flushSync } from "react-dom";
import type { Fault } from "~/api/client";
import { definitionSchemaQuery } from "~/api/queries";
import { Icon } from "~/parts/Icon";
import { Empty, Trouble, Waiting } from "~/parts/Standing";
import { fieldsOf, foundBy, listOf, objectOf, type Definition } from "./definition";
import { Editing, useEditing, useSame, type EditingNow } from "./Editing";
import { followed, insert, move, placeOf, put, remove, textOf, valueOf, type At, type Change } from "./edits";
import { exactly, outward, told, within } from "./faults";
import css from "./Form.module.css";
import { FormBearing } from "./FormBearing";
import { FormField } from "./FormFields";
import { FormRule } from "./FormRule";
import { Odd, Taken } from "./FormTaken";
import { bearsOf, optionsOf } from "./shapes";
import { bornBy, discoveriesOf, stepsOf } from "./steps";
import type { Sorted } from "./trying";

interface Filling {
  value: unknown;
  /** A definition that is kept has its name for good. */
  named: boolean;
  faults: readonly Fault[];
  change: (change: Change) => void;
  sorted: Sorted | undefined;
  /** A place to go to: another object each time. */
  goal: { place: string } | undefined;
}

type Acts = Pick<EditingNow, "change" | "fold" | "move" | "remove" | "add">;

const FRESH_RULE = { type: "file", state: "all", action: [] };
const KNOWN = ["name", "label", "discovery", "enabled", "visible", "fields", "stop_on_error_rate", "filter_rules", "discovery_options"];

export default function Form({ value, named, faults: found, change, sorted, goal }: Filling) {
  const faults = useSame(found);
  const known = useQuery(definitionSchemaQuery);
  const schema = known.data;
  const kinds = useMemo(() => stepsOf(schema), [schema]);
  const discoveries = useMemo(() => discoveriesOf(schema), [schema]);
  const options = useMemo(() => optionsOf(schema), [schema]);
  const bears = useMemo(() => bearsOf(schema, objectOf(objectOf(schema).properties)), [schema]);
  const definition = objectOf(value);
  const fields = useSame(fieldsOf(definition));
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const place = useRef<HTMLDivElement>(null);
  const [news, setNews] = useState("");
  const find = (name: string): HTMLElement | null => place.current?.querySelector<HTMLElement>(`[data-place="${CSS.escape(name)}"]`) ?? null;
  const go = (name: string): void => {
    const found = outward(name).map(find).find((one) => one !== null);
    found?.scrollIntoView({ block: "center" });
    (found?.matches("input, select, button") ? found : found?.querySelector<HTMLElement>("input, select, button"))?.focus({ preventScroll: true });
  };
  const aim = useRef<string>(undefined);
  useEffect(() => {
    if (aim.current === undefined) return;
    go(aim.current);
    aim.current = undefined;
  });
  // What is aimed at may be folded up: it is unfolded first, and gone to once it stands there.
  useEffect(() => {
    if (!goal) return;
    aim.current = goal.place;
    const step = /^filter_rules\[\d+\]\.action\[\d+\]/.exec(goal.place)?.[0];
    setOpen((now) => new Set(step ? [...now, step] : now));
  }, [goal]);
  const latest = useRef(change);
  latest.current = change;
  // They stay the same ones, so that a rule is drawn anew only where something of it has changed.
  const acts = useMemo((): Acts => ({
    change: (made) => latest.current(made),
    fold: (name) => setOpen((before) => new Set(before.has(name) ? [...before].filter((one) => one !== name) : [...before, name])),
    move: (list, from, to) => {
      const pressed = document.activeElement?.getAttribute("data-move");
      flushSync(() => {
        latest.current(move(list, from, to));
        setOpen((before) => followed(before, list, from, to));
        setNews(`${nounOf(list)} ${from + 1} is ${nounOf(list)} ${to + 1} now`);
      });
      if (pressed) find(placeOf([...list, to]))?.querySelector<HTMLElement>(`[data-move="${pressed}"]`)?.focus();
    },
    remove: (list, at) => {
      flushSync(() => {
        latest.current(remove(list, at));
        setOpen((before) => followed(before, list, at));
        setNews(`${nounOf(list)} ${at + 1} was removed`);
      });
      // Nobody is left without a place: the one that stands there now, or the one before it.
      (find(placeOf([...list, at])) ?? find(placeOf([...list, at - 1])) ?? place.current?.querySelector<HTMLElement>(`[data-add="${placeOf(list)}"]`))?.querySelector<HTMLElement>("button, input")?.focus();
    },
    add: (list, at, member) => {
      const name = placeOf([...list, at]);
      flushSync(() => {
        latest.current(insert(list, at, member));
        if (list.at(-1) === "action") setOpen((before) => new Set([...before, name]));
      });
      const made = find(name);
      made?.scrollIntoView({ block: "nearest" });
      if (list.at(-1) !== "action") made?.querySelector<HTMLElement>("input, select")?.focus();
    },
  }), []);
  const now = useMemo((): EditingNow => ({ faults, kinds, discoveries, options, bears, fields, open, ...acts }), [faults, kinds, discoveries, options, bears, fields, open, acts]);
  // Without it every step would look unknown.
  if (!schema) return <div className="panel">{known.error ? <Trouble error={known.error} again={() => void known.refetch()} /> : <Waiting rows={14} />}</div>;
  return (
    <Editing.Provider value={now}>
      <div className={css.form} ref={place}>
        <span className="skip" role="status">{news}</span>
        <About definition={definition} named={named} />
        <Asks fields={listOf(definition.fields).map(objectOf)} />
        <Rules rules={listOf(definition.filter_rules).map(objectOf)} sorted={sorted} />
      </div>
    </Editing.Provider>
  );
}

const nounOf = (list: At): string => ({ action: "Step", fields: "Field" })[String(list.at(-1))] ?? "Rule";

function About({ definition, named }: { definition: Definition; named: boolean }) {
  const { faults, change, discoveries, bears, options } = useEditing();
  const of = (key: string) => ({ size: "sm", "data-place": key, error: told(within(faults, key)) }) as const;
  const said = (key: string, value: unknown): void => change(put([key], value === "" ? undefined : value));
  const odd = Object.entries(definition).filter(([key, value]) => ![...KNOWN, ...bornBy(bears, definition)].includes(key) && value !== null && !(Array.isArray(value) && value.length === 0));
  const discovery = definition.discovery === null ? "" : definition.discovery === undefined ? "recursive" : textOf(definition.discovery);
  // One option stands beside its discovery; several have a row of their own.
  const few = (options.get(discovery)?.length ?? 0) === 1;
  const asked = <Options discovery={discovery} said={definition.discovery_options} beside={few} />;
  return (
    <section className="panel" aria-label="About">
      <header><Title order={2}>About</Title></header>
      <div className={css.main}>
        <TextInput {...of("name")} label="Name" classNames={{ input: "mono" }} value={textOf(definition.name)} onChange={(event) => change(put(["name"], event.currentTarget.value))} description={named ? "Another name makes another workflow of it" : "As people and scripts call it"} />
        <TextInput {...of("label")} label="Label" value={textOf(definition.label)} onChange={(event) => said("label", event.currentTarget.value)} description="What it does, in a few words" />
        <NativeSelect {...of("discovery")} label="Paths are found by" description="What looks beneath the paths of a job" value={discovery} onChange={(event) => change(put(["discovery"], event.currentTarget.value || null))}
          data={[...new Set([...discoveries, ...(discovery ? [discovery] : [])])].map((name) => ({ value: name, label: foundBy(name) })).concat({ value: "", label: "nothing: they are taken as given" })} />
        {few && asked}
        <TextInput {...of("stop_on_error_rate")} label="Stops once so many fail" description="A share of its newest paths" placeholder="never; 5 %" value={textOf(definition.stop_on_error_rate)} onChange={(event) => said("stop_on_error_rate", valueOf(event.currentTarget.value))} />
        {!few && asked}
        <div className={`${css.flags} ${few ? css.aside : ""}`}>
          <Checkbox data-place="enabled" label="Enabled: it may be run" checked={definition.enabled !== false} onChange={(event) => change(put(["enabled"], event.currentTarget.checked ? undefined : false))} error={told(within(faults, "enabled"))} />
          <Checkbox data-place="visible" label="Visible: it is offered to people" checked={definition.visible !== false} onChange={(event) => change(put(["visible"], event.currentTarget.checked ? undefined : false))} error={told(within(faults, "visible"))} />
        </div>
        <FormBearing at={[]} said={definition} bears={bears} of="the workflow" />
        {odd.map(([key, value]) => <Odd key={key} at={[key]} name={key} value={value} />)}
        {told(exactly(faults, "")) && <p className={css.fault} role="alert">{told(exactly(faults, ""))}</p>}
      </div>
    </section>
  );
}

/** What the discovery takes, as the hub says it; what is said for another one stays in sight. */
function Options({ discovery, said, beside }: { discovery: string; said: unknown; beside: boolean }) {
  const { options } = useEditing();
  const takes = options.get(discovery) ?? [];
  const now = objectOf(said);
  const odd = said === undefined || said === null || now === said ? Object.entries(now).filter(([key]) => !takes.some((one) => one.name === key)) : [];
  if (takes.length === 0 && odd.length === 0 && (said === undefined || said === null || now === said)) return null;
  return (
    <div className={`${css.options} ${beside ? css.beside : ""}`} role="group" aria-label={`Options of ${discovery || "the discovery"}`} data-place="discovery_options">
      {now !== said && said !== undefined && said !== null && <Odd at={["discovery_options"]} name="discovery_options" value={said} />}
      {takes.map((argument) => <Taken key={argument.name} at={["discovery_options", argument.name]} argument={argument} value={now[argument.name]} size={beside ? "sm" : "xs"} />)}
      {odd.map(([key, value]) => <Odd key={key} at={["discovery_options", key]} name={key} value={value} />)}
    </div>
  );
}

function Asks({ fields }: { fields: readonly Definition[] }) {
  const { faults, add } = useEditing();
  return (
    <section className="panel" aria-label="Asks">
      <header data-add="fields"><Title order={2}>Asks</Title><Button size="xs" variant="default" leftSection={<Icon name="plus" size={14} />} onClick={() => add(["fields"], fields.length, { name: "", type: "string" })}>Add a field</Button></header>
      {told(exactly(faults, "fields")) && <p className={css.fault} role="alert">{told(exactly(faults, "fields"))}</p>}
      {fields.length === 0 ? <p className={css.none}>It asks nothing. A field is what whoever runs it may or must say; steps are handed its value.</p> : <ol className={css.fields}>{fields.map((field, at) => <FormField key={at} at={at} many={fields.length} field={field} />)}</ol>}
    </section>
  );
}

function Rules({ rules, sorted }: { rules: readonly Definition[]; sorted: Sorted | undefined }) {
  const { faults, add } = useEditing();
  const make = (): void => add(["filter_rules"], rules.length, FRESH_RULE);
  return (
    <section className="panel" aria-label="Rules">
      <header data-add="filter_rules"><Title order={2}>Rules</Title><Button size="xs" variant="default" leftSection={<Icon name="plus" size={14} />} onClick={make}>Add a rule</Button></header>
      {told(exactly(faults, "filter_rules")) && <p className={css.fault} role="alert">{told(exactly(faults, "filter_rules"))}</p>}
      {rules.length === 0 ? <Empty icon="workflow" title="It has no rule yet" action={<Button mt="sm" onClick={make}>Add a rule</Button>}>A rule says which paths go down which chain of steps. The first one that fits a path takes it.</Empty>
        : <ol className={css.rules}>{rules.map((rule, at) => <FormRule key={at} at={at} many={rules.length} rule={rule} said={sorted?.rules[at]} tried={sorted && { type: sorted.type, state: sorted.state }} />)}</ol>}
    </section>
  );
}
