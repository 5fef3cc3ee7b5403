/** What the reader may do: a button that they may not press is not shown. */
import { useQuery } from "@tanstack/react-query";
import type { Schemas } from "~/api/client";
import { sessionQuery, type Me } from "~/api/queries";
import { within } from "~/format/spelling";

export function useMay(right: Schemas["Right"]): boolean {
  return useQuery(sessionQuery).data?.rights.includes(right) ?? false;
}

/** Whether somebody may run, pause, resume and cancel what lies in a space: anywhere, or there for the sake of a group. */
export function mayRunIn(me: Pick<Me, "rights" | "runs_in"> | null | undefined, site: string, space: string | null | undefined): boolean {
  if (!me) return false;
  return me.rights.includes("run") || me.runs_in.some((one) => one.site === site && one.space === space);
}

/** The same of a path, given the spaces. */
export function mayRunAt(me: Pick<Me, "rights" | "runs_in"> | null | undefined, site: string, path: string, spaces: readonly { name: string; site: string; path: string }[]): boolean {
  return mayRunIn(me, site, undefined) || spaces.some((space) => space.site === site && within(path, space.path) && mayRunIn(me, site, space.name));
}
