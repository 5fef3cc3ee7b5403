/** The states, and what may be wished of a job in each: from the table that is made from the hub's code. */
import table from "../../../docs/states.json";
import type { Schemas } from "./client";

export type JobState = Schemas["JobState"];
export type TaskState = Schemas["TaskState"];
export type Wanted = Schemas["Wanted"];

interface Meaning {
  meaning: string;
  over: boolean;
  staying: string;
}

export const JOB_STATES: Readonly<Record<JobState, Meaning & { wishes: string[] }>> = table.job;
export const TASK_STATES: Readonly<Record<TaskState, Meaning>> = table.task;
export const ALL_JOB_STATES = Object.keys(JOB_STATES) as JobState[];
export const ALL_TASK_STATES = Object.keys(TASK_STATES) as TaskState[];

/** Whether this may be wished of a job in that state. A pause that stands may be made anew; there is no button for it. */
export function mayWish(state: JobState, wanted: Wanted): boolean {
  return JOB_STATES[state].wishes.includes(wanted);
}

export function isOver(state: JobState): boolean {
  return JOB_STATES[state].over;
}

/** What a job is, or was, in that state, for whoever has not read the docs. */
export function meaningOf(state: JobState | TaskState): string {
  return state in JOB_STATES ? JOB_STATES[state as JobState].meaning : TASK_STATES[state as TaskState].meaning;
}
