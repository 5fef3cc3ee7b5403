/** A word that says how something is, with a tone and a shape of its own. */
import css from "./State.module.css";

export type Tone = "good" | "bad" | "warn" | "busy" | "still";

const SHAPES: Readonly<Record<Tone, string>> = {
  good: "M3 8.500l3.500 3.500L13 4.500",
  bad: "M5.500 2h5L14 5.500v5L10.500 14h-5L2 10.500v-5zM6 6l4 4M10 6l-4 4",
  warn: "M8 2.500L14.500 13.500h-13zM8 6.500v3M8 11.500v.01",
  busy: "M8 14A6 6 0 1 0 8 2M6.500 5.500v5L10.500 8z",
  still: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM5 8h6",
};

export function Tag({ tone, word, title }: { tone: Tone; word: string; title?: string }) {
  return (
    <span className={`${css.badge} ${css[tone]}`} title={title} data-tag={word}>
      <svg width={14} height={14} viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.700" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true"><path d={SHAPES[tone]} /></svg>
      {word}
    </span>
  );
}
