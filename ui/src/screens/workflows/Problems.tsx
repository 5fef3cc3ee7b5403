/** What is wrong with a definition, each thing with its place in the text. */
import { Title } from "@mantine/core";
import { Empty } from "~/parts/Standing";
import { lineOf, type Mark } from "./reading";
import css from "./Workflows.module.css";

export function Problems({ marks, text, go }: { marks: readonly Mark[]; text: string; go: (at: number) => void }) {
  return (
    <section className="panel" aria-label="Problems">
      <header><Title order={2}>Problems</Title></header>
      {marks.length === 0 ? <Empty icon="check" title="Nothing is wrong">The hub has read it as it stands here. What works, but perhaps not as meant, is told once it is saved.</Empty> : (
        <ul className={css.problems}>
          {marks.map((mark, at) => (
            <li key={at}>
              <button type="button" onClick={() => go(mark.from)}>
                <span className="dim">line {lineOf(text, mark.from)}</span> <span className="mono">{mark.place}</span>
                {mark.expected ? <dl><dt>expected</dt><dd>{mark.expected}</dd><dt>found</dt><dd>{mark.found}</dd></dl> : <div>{mark.text}</div>}
              </button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
