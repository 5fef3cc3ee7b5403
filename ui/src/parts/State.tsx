/** The state of a job or task, known by shape, colour and word. */
import { meaningOf, type JobState, type TaskState } from "~/api/states";
import css from "./State.module.css";

type Tone = "still" | "busy" | "good" | "bad" | "warn";

/** A state that the contract has, and no look here, does not compile. */
const LOOKS: Readonly<Record<JobState | TaskState, { word: string; tone: Tone; shape: string }>> = {
  PENDING: { word: "Pending", tone: "still", shape: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 5v3.300l2 1.200" },
  STARTED: { word: "Started", tone: "busy", shape: "M8 14A6 6 0 1 0 8 2M6.500 5.500v5L10.500 8z" },
  SUCCESS: { word: "Success", tone: "good", shape: "M3 8.500l3.500 3.500L13 4.500" },
  FAILURE: { word: "Failure", tone: "bad", shape: "M5.500 2h5L14 5.500v5L10.500 14h-5L2 10.500v-5zM6 6l4 4M10 6l-4 4" },
  ERROR: { word: "Error", tone: "bad", shape: "M8 2.500L14.500 13.500h-13zM8 6.500v3M8 11.500v.01" },
  PAUSING: { word: "Pausing", tone: "warn", shape: "M6 4v8M10 4v2M10 10v2" },
  PAUSED: { word: "Paused", tone: "warn", shape: "M5.500 3.500v9M10.500 3.500v9" },
  DEQUEUING: { word: "Dequeuing", tone: "still", shape: "M2 8a6 6 0 0 1 6-6M14 8a6 6 0 0 1-6 6M5 11l6-6" },
  CANCELLED: { word: "Cancelled", tone: "still", shape: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM4 12l8-8" },
  SKIPPED: { word: "Skipped", tone: "still", shape: "M3 4l4 4-4 4M9 4l4 4-4 4" },
};

export const wordOf = (state: JobState | TaskState): string => LOOKS[state].word;
export const toneOf = (state: JobState | TaskState): Tone => LOOKS[state].tone;

export function StateMark({ state, size = 14 }: { state: JobState | TaskState; size?: number }) {
  return (
    <svg className={css[toneOf(state)]} width={size} height={size} viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.700" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
      <path d={LOOKS[state].shape} />
    </svg>
  );
}

export function StateBadge({ state }: { state: JobState | TaskState }) {
  return (
    <span className={`${css.badge} ${css[toneOf(state)]}`} title={meaningOf(state)} data-state={state}>
      <StateMark state={state} />
      {wordOf(state)}
    </span>
  );
}
