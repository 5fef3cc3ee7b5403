/** What is wrong with a definition, each thing with its place in the text. */
import { Title } from "@mantine/core";
import { Icon } from "~/parts/Icon";
import { lineOf, type Mark } from "./reading";
import css from "./Workflows.module.css";

export function Problems({ marks, text, lines, go }: { marks: readonly Mark[]; text: string; lines: boolean; go: (mark: Mark) => void }) {
  return (
    <section className="panel" aria-label="Problems">
      <header><Title order={2}>Problems</Title></header>
      {marks.length === 0 ? <p className={css.fine}><Icon name="check" size={15} />None: the hub has read it as it stands here.</p> : (
        <ul className={css.problems}>
          {marks.map((mark, at) => (
            <li key={at}>
              <button type="button" onClick={() => go(mark)}>
                {lines && <><span className="dim">line {lineOf(text, mark.from)}</span> </>}<span className="mono">{mark.place}</span>
                {mark.expected ? <dl><dt>expected</dt><dd>{mark.expected}</dd><dt>found</dt><dd>{mark.found}</dd></dl> : <div>{mark.text}</div>}
              </button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
