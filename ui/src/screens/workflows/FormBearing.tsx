/** What a workflow, or a step of it, says of errors: the class that each has there, and how long is waited for what may pass. */
import { ActionIcon, Autocomplete, Button, NativeSelect, UnstyledButton } from "@mantine/core";
import { useEffect, useRef, useState, type FormEvent } from "react";
import { flushSync } from "react-dom";
import { Icon } from "~/parts/Icon";
import { objectOf, type Definition } from "./definition";
import { useEditing } from "./Editing";
import { placeOf, put, textOf, type At } from "./edits";
import { exactly, told, within } from "./faults";
import css from "./Form.module.css";
import { Taken } from "./FormTaken";
import type { Bears, Classes } from "./shapes";
import { bornBy, summaryOf } from "./steps";

interface Bearing {
  at: At;
  said: Definition;
  bears: Bears;
  /** Of what it is. */
  of: string;
}

export function FormBearing({ at, said, bears, of }: Bearing) {
  const { faults } = useEditing();
  const [open, setOpen] = useState(false);
  const shown = bornBy(bears, said);
  const wrong = shown.flatMap((key) => within(faults, placeOf([...at, key])));
  const summary = summaryOf(Object.fromEntries(shown.flatMap((key) => Object.entries(objectOf(said[key])))));
  const faulty = wrong.length > 0;
  // What is wrong in it is never folded up, and stays in sight once it is mended.
  const unfolded = open || faulty;
  useEffect(() => setOpen((before) => before || faulty), [faulty]);
  if (shown.length === 0) return null;
  return (
    <div className={css.bearing} role="group" aria-label={`Errors of ${of}`} data-place={placeOf([...at, shown[0] ?? ""])}>
      <UnstyledButton className={css.unfold} aria-expanded={unfolded} onClick={() => setOpen(!unfolded)}>
        <span className={css.chevron}><Icon name="right" size={15} /></span>
        <span className={css.stepname}><span className={css.bearingname}>When something fails</span>{!unfolded && (summary.length > 0 ? summary.map((one) => <code key={one}>{one}</code>) : <span className="dim">as it comes</span>)}</span>
      </UnstyledButton>
      {unfolded && bears.errors && shown.includes("on_error") && <Errors at={[...at, "on_error"]} said={objectOf(said.on_error)} errors={bears.errors} />}
      {unfolded && bears.patience && shown.includes("patience") && (
        <div role="group" aria-label={`Patience of ${of}`} data-place={placeOf([...at, "patience"])}>
          <p className={css.bearingabout}><span>Patience</span> {bears.patience.about}</p>
          {told(exactly(faults, placeOf([...at, "patience"]))) && <p className={css.fault} role="alert">{told(exactly(faults, placeOf([...at, "patience"])))}</p>}
          <div className={css.options}>{bears.patience.takes.map((argument) => <Taken key={argument.name} at={[...at, "patience", argument.name]} argument={argument} value={objectOf(said.patience)[argument.name]} />)}</div>
        </div>
      )}
    </div>
  );
}

/** Errors by name, each with its class. */
function Errors({ at, said, errors }: { at: At; said: Definition; errors: Classes }) {
  const { faults, change } = useEditing();
  const [fresh, setFresh] = useState("");
  const place = useRef<HTMLDivElement>(null);
  const remove = (name: string): void => {
    flushSync(() => change(put([...at, name], undefined)));
    place.current?.querySelector<HTMLElement>("form input")?.focus();
  };
  const add = (name: string): void => {
    setFresh(name);
    change(put([...at, name], errors.classes[0]?.value ?? ""));
  };
  return (
    <div ref={place}>
      <p className={css.bearingabout}><span>Errors</span> {errors.about}</p>
      {told(exactly(faults, placeOf(at))) && <p className={css.fault} role="alert">{told(exactly(faults, placeOf(at)))}</p>}
      <ul className={css.errors}>
        {Object.entries(said).map(([name, value]) => {
          const now = textOf(value);
          const known = errors.classes.map((one) => one.value);
          return (
            <li key={name} data-place={placeOf([...at, name])}>
              <code>{name}</code>
              <NativeSelect size="xs" aria-label={`Class of ${name}`} autoFocus={name === fresh} value={now} data={known.includes(now) ? known : [...known, now]} description={errors.classes.find((one) => one.value === now)?.about} inputWrapperOrder={["input", "description", "error"]}
                error={told(within(faults, placeOf([...at, name])))} onChange={(event) => change(put([...at, name], event.currentTarget.value))} />
              <ActionIcon variant="subtle" color="gray" aria-label={`Remove ${name}`} onClick={() => remove(name)}><Icon name="close" size={15} /></ActionIcon>
            </li>
          );
        })}
      </ul>
      <AddError names={errors.names.filter((name) => !(name in said))} taken={said} add={add} />
    </div>
  );
}

function AddError({ names, taken, add }: { names: readonly string[]; taken: Definition; add: (name: string) => void }) {
  const [text, setText] = useState("");
  const name = text.trim();
  const there = name in taken;
  const sent = (event: FormEvent): void => {
    event.preventDefault();
    if (!name || there) return;
    add(name);
    setText("");
  };
  return (
    <form className={css.adderror} onSubmit={sent}>
      <Autocomplete size="xs" label="Give an error a class" placeholder="EBUSY, 503, SlowDown, transient…" data={[...names]} limit={40} maxDropdownHeight={240} value={text} onChange={setText} error={there ? "It has one already" : undefined} />
      <Button type="submit" size="xs" variant="default" leftSection={<Icon name="plus" size={14} />} disabled={!name || there}>Add it</Button>
    </form>
  );
}
