/** The steps of a job as a picture: discovery, then each rule's chain, with its tasks by state and its paths. */
import type { Job, Step } from "~/api/queries";
import { ALL_TASK_STATES } from "~/api/states";
import { brief, bytes, count, plural } from "~/format/numbers";
import { Bar, type Part } from "~/parts/Bar";
import { StateMark, wordOf } from "~/parts/State";
import css from "./Job.module.css";

export function Chain({ steps, job }: { steps: readonly Step[]; job: Job }) {
  const walk = steps.find((step) => step.position < 0);
  const rules = [...new Set(steps.filter((step) => step.position >= 0).map((step) => step.rule))];
  return (
    <div className={css.chain} tabIndex={0} role="group" aria-label="The chain of steps">
      {walk && rules.length === 0 && <div className={css.rule}><Node step={walk} job={job} /></div>}
      {rules.map((rule) => (
        <div className={css.rule} key={rule}>
          {walk && <><Node step={walk} job={job} /><Arrow /></>}
          {steps.filter((step) => step.rule === rule && step.position >= 0).map((step, index) => (
            <div key={step.position} style={{ display: "contents" }}>{index > 0 && <Arrow />}<Node step={step} job={job} /></div>
          ))}
        </div>
      ))}
    </div>
  );
}

function Arrow() {
  return <svg className={css.arrow} viewBox="0 0 34 16" fill="none" stroke="currentColor" strokeWidth="1.500" aria-hidden="true"><path d="M3 8h26M24 3.500L29 8l-5 4.500" /></svg>;
}

function partsOfStep(step: Step): Part[] {
  return [
    { of: step.processed, tone: "good", name: "processed" },
    { of: step.failed, tone: "bad", name: "failed" },
    { of: step.unknown, tone: "warn", name: "unknown" },
    { of: step.skipped + step.aborted, tone: "busy", name: "skipped or aborted" },
    { of: step.not_run, tone: "still", name: "not run" },
  ];
}

function Node({ step, job }: { step: Step; job: Job }) {
  const walk = step.position < 0;
  return (
    <div className={css.node} data-step={step.step}>
      <header><span>{walk ? (job.discovery ? `${job.discovery} walk` : "paths as given") : step.step}</span><span className="dim">{step.site}</span></header>
      {walk ? <span>{plural(job.totals.discovered, "path")} found</span>
        : <><Bar parts={partsOfStep(step)} all={step.reached} label={`Paths at ${step.step}`} /><span className="dim">{count(step.processed)} of {plural(step.reached, "path")}, {bytes(step.bytes)}{step.failed > 0 && <span style={{ color: "var(--tow-bad)" }}>, {count(step.failed)} failed</span>}</span></>}
      <span className={css.marks}>
        {ALL_TASK_STATES.filter((state) => (step.tasks[state] ?? 0) > 0).map((state) => (
          <span key={state} title={`${wordOf(state)}: ${plural(step.tasks[state] ?? 0, "task")}`}><StateMark state={state} size={13} /><span className="dim">{wordOf(state)}</span>{brief(step.tasks[state] ?? 0)}</span>
        ))}
      </span>
    </div>
  );
}
