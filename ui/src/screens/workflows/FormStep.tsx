/** A step of a chain in the form: what it is, and its arguments as the hub says that it takes them. */
import { Select, TagsInput, UnstyledButton, VisuallyHidden } from "@mantine/core";
import { plural } from "~/format/numbers";
import { Icon } from "~/parts/Icon";
import type { Definition } from "./definition";
import { useEditing } from "./Editing";
import { placeOf, put, textOf, type At } from "./edits";
import { exactly, told, within } from "./faults";
import css from "./Form.module.css";
import { FormBearing } from "./FormBearing";
import { Odd, Taken } from "./FormTaken";
import { Handle, Moves, useDragging } from "./Ordering";
import { summaryOf, unknownOf, type StepKind } from "./steps";

export function FormStep({ list, at, many, use }: { list: At; at: number; many: number; use: Definition }) {
  const { kinds, faults, open, fold } = useEditing();
  const place: At = [...list, at];
  const spelled = placeOf(place);
  const name = textOf(use.name);
  const kind = kinds.find((one) => one.names.includes(name));
  const drag = useDragging(list, at);
  const unfolded = open.has(spelled);
  const wrong = within(faults, spelled);
  const odd = unknownOf(use, kind);
  const summary = summaryOf(use);
  return (
    <li className={css.step} data-card data-place={spelled} data-over={drag.over} data-wrong={wrong.length > 0 || undefined} {...drag.target}>
      <div className={css.stephead}>
        <Handle drag={drag} />
        <UnstyledButton className={css.unfold} aria-expanded={unfolded} onClick={() => fold(spelled)}>
          <span className={css.chevron}><Icon name="right" size={15} /></span>
          <span>
            <span className={css.stepname}><VisuallyHidden>Step {at + 1}: </VisuallyHidden><strong>{kind?.name ?? (name || "Which step?")}</strong>{!unfolded && summary.map((one) => <code key={one}>{one}</code>)}</span>
            <span className={`dim ${css.about}`}>{kind?.about ?? (name ? "not known here" : "choose one")}</span>
          </span>
        </UnstyledButton>
        {!unfolded && wrong.length > 0 && <span className={css.badge}><Icon name="warning" size={14} />{plural(wrong.length, "problem")}</span>}
        <Moves list={list} at={at} many={many} what={`step ${at + 1}, ${name}`} />
      </div>
      {told(exactly(faults, spelled)) && <p className={css.fault} role="alert">{told(exactly(faults, spelled))}</p>}
      {unfolded && (
        <div className={css.arguments}>
          <Kind at={[...place, "name"]} name={name} />
          {(kind?.takes ?? []).map((argument) => <Taken key={argument.name} at={[...place, argument.name]} argument={argument} value={use[argument.name]} />)}
          {kind && <FormBearing at={place} said={use} bears={kind.bears} of={`step ${at + 1}, ${kind.name}`} />}
          {odd.map(([key, value]) => <Odd key={key} at={[...place, key]} name={key} value={value} />)}
        </div>
      )}
    </li>
  );
}

/** All steps there are, each with what it does. */
export function stepChoices(kinds: readonly StepKind[], name = ""): { value: string; label: string }[] {
  const known = kinds.map((kind) => ({ value: kind.name, label: kind.name }));
  return name && !kinds.some((kind) => kind.names.includes(name)) ? [{ value: name, label: name }, ...known] : known;
}

function Kind({ at, name }: { at: At; name: string }) {
  const { kinds, faults, change } = useEditing();
  const place = placeOf(at);
  return (
    <Select size="xs" label="Step" className={css.kind} searchable data-place={place} data={stepChoices(kinds, name)} value={kinds.find((kind) => kind.names.includes(name))?.name ?? (name || null)} onChange={(to) => to && change(put(at, to))} error={told(exactly(faults, place))} comboboxProps={{ withinPortal: true }} maxDropdownHeight={320}
      renderOption={({ option }) => <div className={css.option}><strong>{option.label}</strong><span>{kinds.find((kind) => kind.name === option.value)?.about}</span></div>} />
  );
}

/** Globs of a rule. */
export function Globs({ at, label, globs }: { at: At; label: string; globs: readonly string[] }) {
  const { faults, change } = useEditing();
  const place = placeOf(at);
  return (
    <TagsInput size="xs" label={label} data-place={place} className={css.globs} value={[...globs]} placeholder={globs.length === 0 ? (at[at.length - 1] === "include" ? "any: *.dat, survey/**" : "none") : ""} error={told(within(faults, place))}
      onChange={(next) => change(put(at, next.length ? next : undefined))} clearable={false} acceptValueOnBlur classNames={{ inputField: css.tagged ?? "" }} />
  );
}
