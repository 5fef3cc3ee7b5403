/** A box for a path: which rule takes it, while the definition changes. */
import { NativeSelect, TextInput, Title } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { Problem } from "~/api/client";
import { Icon } from "~/parts/Icon";
import { SiteSelect } from "~/parts/SiteSelect";
import { told } from "~/parts/Standing";
import { objectOf } from "./definition";
import { amiss, reason, taking, whichQuery, type Sorted, type Tried } from "./trying";
import css from "./Form.module.css";

/** The answer for a path and a definition; nothing while there is no path. */
export function useWhich(value: unknown, tried: Tried): { sorted: Sorted | undefined; error: unknown } {
  const [asked] = useDebouncedValue(tried, 250);
  const definition = useMemo(() => (value === undefined ? undefined : taking(objectOf(value))), [value]);
  const found = useQuery(whichQuery(definition, asked));
  const on = tried.path !== "" && definition !== undefined && amiss(tried) === undefined;
  return on ? { sorted: found.error ? undefined : found.data, error: found.error } : { sorted: undefined, error: undefined };
}

interface Trying {
  tried: Tried;
  put: (more: Partial<Tried>) => void;
  sorted: Sorted | undefined;
  error: unknown;
  go: (rule: number) => void;
}

const TYPES = [{ value: "file", label: "file" }, { value: "directory", label: "directory" }, { value: "symlink", label: "symlink" }, { value: "other", label: "other" }];

export function Which({ tried, put, sorted, error, go }: Trying) {
  return (
    <section className="panel" aria-label="Which rule takes this path?">
      <header><Title order={2}>Which rule takes this path?</Title></header>
      <div className={css.which}>
        <TextInput size="sm" aria-label="Path to try" classNames={{ input: "mono" }} placeholder={tried.site ? "/mnt/oslo/survey/a.dat" : "survey/a.dat"} value={tried.path} onChange={(event) => put({ path: event.currentTarget.value })} error={tried.path && amiss(tried)} leftSection={<Icon name="search" size={15} />} spellCheck={false} autoComplete="off" />
        <div className={css.how}>
          <SiteSelect size="xs" label="Where" placeholder="any root" clearable clearButtonProps={{ "aria-label": "Any root" }} value={tried.site} choose={(site) => put({ site: site ?? "" })} />
          <NativeSelect size="xs" label="Type" value={tried.type || (tried.site ? "" : "file")} onChange={(event) => put({ type: event.currentTarget.value as Tried["type"] })} data={[...(tried.site ? [{ value: "", label: "as it is there" }] : []), ...TYPES]} />
          <TextInput size="xs" label="State" placeholder="processed" value={tried.state} onChange={(event) => put({ state: event.currentTarget.value })} />
        </div>
        <Answer tried={tried} sorted={sorted} error={error} go={go} />
      </div>
    </section>
  );
}

function Answer({ tried, sorted, error, go }: Pick<Trying, "tried" | "sorted" | "error" | "go">) {
  if (error) {
    const problem = told(error);
    return <p className={css.verdict} data-takes="unknown" role="status">{error instanceof Problem && error.status === 422 ? "The rules cannot be read as they stand: mend what is wrong with them first." : problem.detail}</p>;
  }
  if (!tried.path || !sorted) return <p className={`${css.verdict} dim`} role="status">{tried.path ? "…" : "Write a path, and see the rule light up that takes it. The code that sorts the paths of jobs answers."}</p>;
  return (
    <>
      <p className={css.verdict} data-takes={sorted.rule ?? "none"} role="status">{sorted.rule === null ? <><Icon name="warning" size={16} />No rule takes it.</> : <><Icon name="check" size={16} />Rule {sorted.rule + 1} takes it.</>}</p>
      <ol className={css.reasons}>
        {sorted.rules.map((said) => <li key={said.rule} data-why={said.why}><button type="button" onClick={() => go(said.rule)}><span className={css.number}>{said.rule + 1}</span>{reason(said, sorted)}</button></li>)}
      </ol>
      {sorted.root !== null && <p className="dim">Held against the rules as <span className="mono">{sorted.path || "/"}</span>, a {sorted.type}{sorted.state && <> of state {sorted.state}</>}.</p>}
    </>
  );
}
