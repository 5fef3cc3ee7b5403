/** Failed paths by why they failed. */
import type { Path } from "~/api/queries";

export interface Group {
  reason: string;
  step: string;
  class: string;
  paths: Path[];
}

/** A reason without the names that it bears: those of a thousand objects are no thousand reasons. */
const unnamed = (reason: string): string => reason.replace(/'[^']*'/g, "'…'");

/** Paths of one step with one reason, whatever names it bears, stand together, the most first; `words` narrows by path or reason. */
export function grouped(paths: readonly Path[], words: string): Group[] {
  const wanted = words.trim().toLowerCase();
  const groups = new Map<string, Group>();
  for (const path of paths) {
    const reason = path.reason ?? "no reason was given";
    if (wanted && !`${path.path} ${reason}`.toLowerCase().includes(wanted)) continue;
    const key = `${path.step}\n${unnamed(reason)}`;
    const group = groups.get(key) ?? { reason, step: path.step, class: path.error_class ?? "", paths: [] };
    if (group.reason !== reason) group.reason = unnamed(reason);
    group.paths.push(path);
    groups.set(key, group);
  }
  return [...groups.values()].sort((one, other) => other.paths.length - one.paths.length);
}
