/** A rule in the form: which paths it takes, and the chain that they go down. */
import { ActionIcon, Autocomplete, NativeSelect, Select } from "@mantine/core";
import { memo } from "react";
import { Icon } from "~/parts/Icon";
import { listOf, objectOf, textsOf, type Definition } from "./definition";
import { alike, useEditing } from "./Editing";
import { double, placeOf, put, textOf, type At } from "./edits";
import { exactly, told } from "./faults";
import css from "./Form.module.css";
import { FormStep, Globs, stepChoices } from "./FormStep";
import { Odd } from "./FormTaken";
import { Handle, Moves, useDragging } from "./Ordering";
import { reason, type Said } from "./trying";

const RULES: At = ["filter_rules"];
const KNOWN = ["type", "state", "include", "exclude", "action"];
const TYPES = [{ value: "file", label: "files" }, { value: "directory", label: "directories" }, { value: "symlink", label: "symlinks" }, { value: "other", label: "other entries" }, { value: "all", label: "all entries" }];
const ALIKE: Readonly<Record<string, string>> = { folder: "directory", link: "symlink" };
const STATES = ["all", "default", "processed"];


interface Ruling {
  at: number;
  many: number;
  rule: Definition;
  said: Said | undefined;
  tried: Parameters<typeof reason>[1] | undefined;
}

export const FormRule = memo(Rule, alike);

function Rule({ at, many, rule, said, tried }: Ruling) {
  const { faults, change } = useEditing();
  const place: At = [...RULES, at];
  const spelled = placeOf(place);
  const drag = useDragging(RULES, at);
  const chain: At = [...place, "action"];
  const uses = listOf(rule.action).map(objectOf);
  const wrong = [...exactly(faults, spelled), ...exactly(faults, placeOf(chain))];
  return (
    <li className={css.rule} data-card data-place={spelled} data-rule={at} data-said={said?.why} data-over={drag.over} {...drag.target}>
      <div className={css.rulehead}>
        <Handle drag={drag} />
        <h3>Rule {at + 1}</h3>
        {said && tried && <span className={css.said} data-why={said.why} title={said.text}>{said.why === "takes" && <Icon name="check" size={14} />}{reason(said, tried)}</span>}
        <Moves list={RULES} at={at} many={many} what={`rule ${at + 1}`}><ActionIcon variant="subtle" color="gray" aria-label={`Copy rule ${at + 1}`} onClick={() => change(double(RULES, at))}><Icon name="copy" size={16} /></ActionIcon></Moves>
      </div>
      <Condition place={place} rule={rule} />
      {Object.entries(rule).filter(([key]) => !KNOWN.includes(key)).map(([key, value]) => <Odd key={key} at={[...place, key]} name={key} value={value} />)}
      {told(wrong) && <p className={css.fault} role="alert">{told(wrong)}</p>}
      <ol className={css.chain} aria-label={`Steps of rule ${at + 1}`}>
        {uses.map((use, step) => <FormStep key={step} list={chain} at={step} many={uses.length} use={use} />)}
      </ol>
      <AddStep chain={chain} many={uses.length} rule={at} />
    </li>
  );
}

function Condition({ place, rule }: { place: At; rule: Definition }) {
  const { faults, change } = useEditing();
  const type = textOf(rule.type);
  const spelled = ALIKE[type] ?? type;
  const types = TYPES.some((one) => one.value === spelled) ? TYPES : [{ value: spelled, label: spelled || "Choose a type" }, ...TYPES];
  const [typeAt, stateAt] = [[...place, "type"], [...place, "state"]] as const;
  return (
    <div className={css.condition}>
      <NativeSelect size="xs" label="Takes" data-place={placeOf(typeAt)} value={spelled} data={types} onChange={(event) => change(put(typeAt, event.currentTarget.value))} error={told(exactly(faults, placeOf(typeAt)))} />
      <Autocomplete size="xs" label="Of state" data-place={placeOf(stateAt)} value={textOf(rule.state)} data={STATES} filter={({ options }) => options} onChange={(text) => change(put(stateAt, text))} error={told(exactly(faults, placeOf(stateAt)))}
        renderOption={({ option }) => <div className={css.option}><strong>{option.value}</strong><span>{{ all: "whatever its state", default: "what no rule of another state takes", processed: "what a walk finds" }[option.value]}</span></div>} />
      <Globs at={[...place, "include"]} label="Like" globs={textsOf(rule.include)} />
      <Globs at={[...place, "exclude"]} label="Not like" globs={textsOf(rule.exclude)} />
    </div>
  );
}

function AddStep({ chain, many, rule }: { chain: At; many: number; rule: number }) {
  const { kinds, add } = useEditing();
  return (
    <Select size="xs" className={css.addstep} searchable aria-label={`Add a step to rule ${rule + 1}`} placeholder={many ? "Add a step" : "Add the first step"} leftSection={<Icon name="plus" size={14} />} data={stepChoices(kinds)} value={null} onChange={(name) => name && add(chain, many, { name })} maxDropdownHeight={320} selectFirstOptionOnChange
      renderOption={({ option }) => <div className={css.option}><strong>{option.label}</strong><span>{kinds.find((kind) => kind.name === option.value)?.about}</span></div>} />
  );
}
