/** What all parts of the form share: the definition, its faults, and the ways to change it. */
import { createContext, useContext } from "react";
import type { Fault } from "~/api/client";
import type { Field } from "./definition";
import type { At, Change } from "./edits";
import type { StepKind } from "./steps";
import type { Said } from "./trying";

export interface EditingNow {
  faults: readonly Fault[];
  kinds: readonly StepKind[];
  discoveries: readonly string[];
  fields: readonly Field[];
  /** Steps whose arguments are unfolded, by place. */
  open: ReadonlySet<string>;
  fold: (place: string) => void;
  change: (change: Change) => void;
  move: (list: At, from: number, to: number) => void;
  remove: (list: At, at: number) => void;
  /** Puts a new member into a list, and goes there. */
  add: (list: At, at: number, value: unknown) => void;
  /** What the rules say of the path that is tried, if one is. */
  said: readonly Said[] | undefined;
}

export const Editing = createContext<EditingNow | undefined>(undefined);

export function useEditing(): EditingNow {
  const now = useContext(Editing);
  if (!now) throw new Error("there is no form around");
  return now;
}
