/** What all parts of the form share: the definition, its faults, and the ways to change it. */
import { createContext, useContext, useRef } from "react";
import type { Fault } from "~/api/client";
import type { Field } from "./definition";
import type { At, Change } from "./edits";
import type { Argument, Bears } from "./shapes";
import type { StepKind } from "./steps";

export interface EditingNow {
  faults: readonly Fault[];
  kinds: readonly StepKind[];
  discoveries: readonly string[];
  /** The options of each discovery. */
  options: ReadonlyMap<string, readonly Argument[]>;
  /** What the workflow itself may say of errors. */
  bears: Bears;
  fields: readonly Field[];
  /** Steps whose arguments are unfolded, by place. */
  open: ReadonlySet<string>;
  fold: (place: string) => void;
  change: (change: Change) => void;
  move: (list: At, from: number, to: number) => void;
  remove: (list: At, at: number) => void;
  /** Puts a new member into a list, and goes there. */
  add: (list: At, at: number, value: unknown) => void;
}

export const Editing = createContext<EditingNow | undefined>(undefined);

export function useEditing(): EditingNow {
  const now = useContext(Editing);
  if (!now) throw new Error("there is no form around");
  return now;
}

const text = (value: unknown): string | undefined => JSON.stringify(value);

/** The value that was there before, as long as it says the same: what stands on it is not drawn anew. */
export function useSame<T>(value: T): T {
  const kept = useRef(value);
  if (kept.current !== value && text(kept.current) !== text(value)) kept.current = value;
  return kept.current;
}

/** Whether two sets of properties say the same. */
export const alike = (one: object, other: object): boolean => text(one) === text(other);
