/** What the reader may do: a button that they may not press is not shown. */
import { useQuery } from "@tanstack/react-query";
import type { Schemas } from "~/api/client";
import { sessionQuery } from "~/api/queries";

export function useMay(right: Schemas["Right"]): boolean {
  return useQuery(sessionQuery).data?.rights.includes(right) ?? false;
}
