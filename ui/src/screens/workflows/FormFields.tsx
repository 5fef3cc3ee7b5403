/** What a workflow asks of whoever runs it, in the form. */
import { Checkbox, NativeSelect, TagsInput, TextInput } from "@mantine/core";
import { memo } from "react";
import { textsOf, type Definition } from "./definition";
import { alike, useEditing } from "./Editing";
import { placeOf, put, textOf, valueOf, type At } from "./edits";
import { exactly, told, within } from "./faults";
import css from "./Form.module.css";
import { Odd } from "./FormTaken";
import { Handle, Moves, useDragging } from "./Ordering";

const FIELDS: At = ["fields"];
const KNOWN = ["name", "label", "type", "default", "required", "choices"];
const TYPES = [{ value: "string", label: "text" }, { value: "int", label: "a number" }, { value: "bool", label: "yes or no" }, { value: "choice", label: "a choice" }, { value: "enum", label: "a site" }];

export const FormField = memo(OneField, alike);

function OneField({ at, many, field }: { at: number; many: number; field: Definition }) {
  const { faults, change } = useEditing();
  const place: At = [...FIELDS, at];
  const spelled = placeOf(place);
  const drag = useDragging(FIELDS, at);
  const of = (key: string) => ({ size: "xs", "data-place": `${spelled}.${key}`, error: told(within(faults, `${spelled}.${key}`)) }) as const;
  const said = (key: string, value: unknown): void => change(put([...place, key], value === "" ? undefined : value));
  const type = textOf(field.type) || "string";
  const choices = textsOf(field.choices);
  return (
    <li className={css.field} data-card data-place={spelled} data-over={drag.over} {...drag.target}>
      <Handle drag={drag} />
      <div className={css.fieldgrid}>
        <TextInput {...of("name")} label="Name" classNames={{ input: "mono" }} value={textOf(field.name)} onChange={(event) => change(put([...place, "name"], event.currentTarget.value))} />
        <TextInput {...of("label")} label="Label" value={textOf(field.label)} onChange={(event) => said("label", event.currentTarget.value)} />
        <NativeSelect {...of("type")} label="Takes" value={type} data={TYPES.some((one) => one.value === type) ? TYPES : [{ value: type, label: type }, ...TYPES]} onChange={(event) => change(put([...place, "type"], event.currentTarget.value))} />
        <Otherwise type={type} choices={choices} value={field.default} say={(value) => said("default", value)} of={of("default")} />
        <Checkbox {...of("required")} className={css.required} label="Required" checked={field.required === true} onChange={(event) => said("required", event.currentTarget.checked || undefined)} />
        {(type === "choice" || choices.length > 0) && <TagsInput {...of("choices")} label="Choices" className={css.choices} value={[...choices]} splitChars={[","]} acceptValueOnBlur classNames={{ inputField: css.tagged ?? "" }} onChange={(next) => change(put([...place, "choices"], next.length ? next : undefined))} />}
      </div>
      <Moves list={FIELDS} at={at} many={many} what={`field ${textOf(field.name) || at + 1}`} />
      {told(exactly(faults, spelled)) && <p className={css.fault} role="alert">{told(exactly(faults, spelled))}</p>}
      {Object.entries(field).filter(([key]) => !KNOWN.includes(key)).map(([key, value]) => <Odd key={key} at={[...place, key]} name={key} value={value} />)}
    </li>
  );
}

interface Defaulting {
  type: string;
  choices: readonly string[];
  value: unknown;
  say: (value: unknown) => void;
  of: { size: "xs"; "data-place": string; error: string | undefined };
}

/** What holds where it is left out. */
function Otherwise({ type, choices, value, say, of }: Defaulting) {
  const now = textOf(value);
  if (type === "bool") return <NativeSelect {...of} label="Where left out" value={now} data={[{ value: "", label: "as it comes" }, { value: "true", label: "yes" }, { value: "false", label: "no" }, ...(["", "true", "false"].includes(now) ? [] : [now])]} onChange={(event) => say(event.currentTarget.value === "" ? undefined : event.currentTarget.value === "true")} />;
  if (type === "choice") return <NativeSelect {...of} label="Where left out" value={now} data={[{ value: "", label: "as it comes" }, ...choices, ...(now === "" || choices.includes(now) ? [] : [now])]} onChange={(event) => say(event.currentTarget.value)} />;
  return <TextInput {...of} label="Where left out" placeholder="as it comes" value={now} onChange={(event) => say(type === "int" ? valueOf(event.currentTarget.value) : event.currentTarget.value)} />;
}
