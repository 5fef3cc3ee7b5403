/** What an argument takes, in the form; and what the form does not know. */
import { Autocomplete, NativeSelect, TextInput, UnstyledButton } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { targetsQuery } from "~/api/places";
import { siteNamesQuery } from "~/api/queries";
import { useEditing } from "./Editing";
import { placeOf, put, textOf, valueOf, type At } from "./edits";
import { told, within } from "./faults";
import css from "./Form.module.css";
import type { Argument } from "./shapes";
import { suited } from "./steps";

const WORDS = (value: string | number | boolean | undefined): string => (value === undefined || value === "" ? "nothing" : value === true ? "yes" : value === false ? "no" : String(value));

/** One argument. What stands there but does not fit stays in sight, and is told. */
export function Taken({ at, argument, value, size = "xs" }: { at: At; argument: Argument; value: unknown; size?: "xs" | "sm" }) {
  const { fields, faults, change } = useEditing();
  const place = placeOf(at);
  const shared = { size, label: argument.name, description: argument.about, error: told(within(faults, place)), "data-place": place, classNames: { root: css.argument, label: "mono" } } as const;
  const handed = argument.handed ? suited(fields, argument) : [];
  const named: Readonly<Record<string, string[]>> = { endpoint: useQuery(targetsQuery).data?.results.map((one) => one.name) ?? [], site: useQuery(siteNamesQuery()).data?.results.map((one) => one.name) ?? [] };
  if (argument.type === "boolean" || argument.choices.length > 0) {
    const choices = argument.type === "boolean" ? ["true", "false"] : argument.choices;
    const now = value === undefined || value === null ? "" : textOf(value);
    const data = [
      { value: "", label: argument.otherwise === undefined ? "as it comes" : `${WORDS(argument.otherwise)} (as it comes)` },
      ...choices.map((choice) => ({ value: choice, label: argument.type === "boolean" ? WORDS(choice === "true") : choice })),
      ...handed.map((field) => ({ value: field, label: `as asked: ${field.slice(1)}` })),
    ];
    if (!data.some((one) => one.value === now)) data.push({ value: now, label: now });
    return <NativeSelect {...shared} value={now} data={data} onChange={(event) => change(put(at, meant(argument, event.currentTarget.value)))} />;
  }
  const typed = { ...shared, value: textOf(value), placeholder: argument.otherwise === undefined || argument.otherwise === "" ? "" : String(argument.otherwise) };
  const say = (text: string): void => change(put(at, argument.type === "integer" ? valueOf(text) : text || undefined));
  // Where there is nothing to offer, nothing is unfolded.
  if (handed.length === 0 && !(argument.name in named)) return <TextInput {...typed} onChange={(event) => say(event.currentTarget.value)} />;
  return <Autocomplete {...typed} data={[...handed, ...(named[argument.name] ?? [])]} onChange={say} />;
}

const meant = (argument: Argument, said: string): unknown => (said === "" ? undefined : argument.type === "boolean" && !said.startsWith("*") ? said === "true" : said);

/** What the form does not know: it is kept as it is, changed in the code, or taken away here. */
export function Odd({ at, name, value }: { at: At; name: string; value: unknown }) {
  const { faults, change } = useEditing();
  const place = placeOf(at);
  const wrong = told(within(faults, place));
  return (
    <div className={css.odd} data-place={place}>
      <span className="mono">{name}</span>
      <code>{textOf(value)}</code>
      <UnstyledButton className={css.link} onClick={() => change(put(at, undefined))} aria-label={`Remove ${name}`}>Remove</UnstyledButton>
      {wrong ? <p className={css.fault} role="alert">{wrong}</p> : <span className="dim">Kept as it is; the code view changes it.</span>}
    </div>
  );
}
