/** How far something is: its outcomes beside each other, each in its colour. */
import { count, share } from "~/format/numbers";
import css from "./Bar.module.css";

export interface Part {
  of: number;
  tone: "good" | "bad" | "warn" | "still" | "busy";
  name: string;
}

export function Bar({ parts, all, label }: { parts: readonly Part[]; all: number; label: string }) {
  const done = parts.reduce((sum, part) => sum + part.of, 0);
  const said = parts.filter((part) => part.of > 0).map((part) => `${count(part.of)} ${part.name}`).join(", ");
  return (
    <div className={css.bar} role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100}
      aria-valuenow={all ? Math.floor((done / all) * 100) : 0} aria-valuetext={`${share(done, all)}: ${said || "nothing yet"}`} title={said}>
      {parts.map((part) => part.of > 0 && (
        <span key={part.name} className={css[part.tone]} style={{ width: `${Math.max(0.5, (part.of / Math.max(all, done)) * 100)}%` }} />
      ))}
    </div>
  );
}
