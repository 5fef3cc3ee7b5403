/** The rules of a workflow, each with the chain that what it takes goes down. */
import { Icon } from "~/parts/Icon";
import { foundBy, takes, type Rule, type Use } from "./definition";
import { reason, type Sorted } from "./trying";
import css from "./Workflows.module.css";

export function Rules({ rules, discovery, sorted }: { rules: readonly Rule[]; discovery: unknown; sorted: Sorted | undefined }) {
  return (
    <div>
      <p className={css.found}>{typeof discovery === "string" ? <>Its paths are found by <strong>{foundBy(discovery)}</strong>. The first rule that fits a path takes it.</> : "It takes the paths that it is given, as they are. The first rule that fits a path takes it."}</p>
      <ol className={css.rules}>{rules.map((rule, at) => <One key={at} rule={rule} at={at} sorted={sorted} />)}</ol>
    </div>
  );
}

function One({ rule, at, sorted }: { rule: Rule; at: number; sorted: Sorted | undefined }) {
  const said = sorted?.rules[at];
  return (
    <li className={css.rule} data-rule={at} data-said={said?.why}>
      <div className={css.condition}>
        <span className={css.number}>{at + 1}</span>
        <div>
          <strong>{takes(rule).slice(0, 1).toUpperCase() + takes(rule).slice(1)}</strong>
          {rule.include.length > 0 && <Globs name="like" globs={rule.include} />}
          {rule.exclude.length > 0 && <Globs name="not like" globs={rule.exclude} />}
          {said && sorted && <p className={css.reason} data-why={said.why}>{said.why === "takes" && <Icon name="check" size={14} />}{reason(said, sorted)}</p>}
        </div>
      </div>
      <div className={css.chain} role="list" aria-label={`Chain of rule ${at + 1}`} tabIndex={0}>
        {rule.action.map((use, step) => <Step key={step} use={use} first={step === 0} />)}
      </div>
    </li>
  );
}

const Globs = ({ name, globs }: { name: string; globs: readonly string[] }) => <p className={css.globs}><span className="dim">{name}</span>{globs.map((glob) => <code key={glob}>{glob}</code>)}</p>;

/** An argument that only hands on the field of its own name says nothing new. */
function Step({ use, first }: { use: Use; first: boolean }) {
  const told = use.said.filter(([key, value]) => value !== `*${key}`);
  const asked = use.said.length - told.length;
  return (
    <div role="listitem" className={css.link}>
      {!first && <span className={css.arrow}><Icon name="right" size={16} /></span>}
      <div className={css.step}>
        <strong>{use.name}</strong>
        {(use.site ?? use.queue) && <span className="dim">{use.site && <>at {placed(use.site)}</>}{use.queue && <> on queue {placed(use.queue)}</>}</span>}
        {told.length > 0 && <dl>{told.map(([key, value]) => <div key={key}><dt>{key}</dt><dd className="mono">{typeof value === "string" ? value : JSON.stringify(value)}</dd></div>)}</dl>}
        {asked > 0 && <span className="dim">{asked === 1 ? "1 argument" : `${asked} arguments`} as asked</span>}
      </div>
    </div>
  );
}

const placed = (name: string) => (name.startsWith("*") ? <>what <span className="mono">{name.slice(1)}</span> says</> : <strong>{name}</strong>);
