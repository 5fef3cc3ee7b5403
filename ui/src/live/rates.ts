/** How fast something grows, from looks at it: over the last half minute. */
import { useRef } from "react";

export interface Look {
  at: number;
  value: number;
}

export const WINDOW = 30_000;

/** The looks that still count, with this one; one that went back (another job) begins anew. */
export function withLook(looks: readonly Look[], look: Look): Look[] {
  const last = looks.at(-1);
  if (last && look.value < last.value) return [look];
  if (last && look.at - last.at < 500) return [...looks];
  const kept = looks.filter((one) => look.at - one.at <= WINDOW);
  return [...kept, look];
}

/** Growth a second; undefined before there are two looks. */
export function rateOf(looks: readonly Look[]): number | undefined {
  const first = looks[0];
  const last = looks.at(-1);
  if (!first || !last || last.at <= first.at) return undefined;
  return ((last.value - first.value) / (last.at - first.at)) * 1000;
}

/** The rate of a value that is looked at again and again; undefined while nobody can say. */
export function useRate(value: number, at: number): number | undefined {
  const looks = useRef<Look[]>([]);
  looks.current = withLook(looks.current, { at, value });
  return rateOf(looks.current);
}
