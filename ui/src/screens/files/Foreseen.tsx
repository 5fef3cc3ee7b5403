/** What a dry run found: for each rule and step, how many paths would come there, and what it would do with them. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { jobQuery, PULSE, stepsQuery, type Step, type Workflow } from "~/api/queries";
import { isOver } from "~/api/states";
import { count, plural } from "~/format/numbers";
import { Bytes } from "~/parts/Shown";
import { Trouble, Waiting } from "~/parts/Standing";
import { StateBadge } from "~/parts/State";
import { rulesOf, takes } from "../workflows/definition";
import { foreseen } from "./creator";
import css from "./Files.module.css";

export function Foreseen({ id, workflow, stale }: { id: number; workflow: Workflow; stale: boolean }) {
  const job = useQuery({ ...jobQuery(id), refetchInterval: (query) => (query.state.data && isOver(query.state.data.state) ? false : PULSE / 2) });
  const over = job.data !== undefined && isOver(job.data.state);
  const steps = useQuery({ ...stepsQuery(id), refetchInterval: over ? false : PULSE / 2 });
  const rules = rulesOf(workflow.definition);
  const rows = foreseen(steps.data?.results ?? []);
  const error = job.error ?? steps.error;
  if (!job.data || !steps.data) return error ? <Trouble error={error} /> : <Waiting rows={3} />;
  const { discovered } = job.data.totals;
  return (
    <section className={css.foresees} aria-label="Dry run" data-foreseen={over}>
      <header><h3>What it would do</h3>{stale && <span className="dim">of the order before your last change</span>}<StateBadge state={job.data.state} /></header>
      <p className={css.found} role="status">
        {over ? `${plural(discovered, "path")} would be taken` : `${plural(discovered, "path")} so far`}{job.data.unmatched > 0 && `; no rule takes ${count(job.data.unmatched)} more`}. Nothing was changed. {job.data.waiting && `${job.data.waiting} `}<Link to="/jobs/$job" params={{ job: String(id) }} search={{}}>Job {id}</Link> has each path.
      </p>
      {rows.length > 0 && (
        <div className="scroll" tabIndex={0} role="group" aria-label="Counts for each rule and step">
          <table className="plain">
            <thead><tr><th>Rule</th><th>Step</th><th>Site</th><th className="num">Paths</th><th className="num">Would do</th><th className="num">Skip</th><th className="num">Fail</th><th className="num">Bytes</th></tr></thead>
            <tbody>{rows.map((step) => <Row key={`${step.rule} ${step.position}`} step={step} rule={rules[step.rule]} />)}</tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Row({ step, rule }: { step: Step; rule: ReturnType<typeof rulesOf>[number] | undefined }) {
  return (
    <tr>
      <td>{step.position === 0 ? <>{step.rule + 1} <span className="dim">{rule && takes(rule)}</span></> : ""}</td>
      <td>{step.step}</td>
      <td>{step.site}</td>
      <td className="num">{count(step.reached)}</td>
      <td className="num">{count(step.processed)}</td>
      <td className="num">{count(step.skipped + step.aborted)}</td>
      <td className="num" style={{ color: step.failed ? "var(--tow-bad)" : undefined }}>{count(step.failed)}</td>
      <td className="num"><Bytes of={step.bytes} /></td>
    </tr>
  );
}
