/** Failed paths by why they failed. */
import type { Path } from "~/api/queries";

export interface Group {
  reason: string;
  step: string;
  class: string;
  paths: Path[];
}

/** Paths of one step with one reason stand together, the most first; `words` narrows by path or reason. */
export function grouped(paths: readonly Path[], words: string): Group[] {
  const wanted = words.trim().toLowerCase();
  const groups = new Map<string, Group>();
  for (const path of paths) {
    const reason = path.reason ?? "no reason was given";
    if (wanted && !`${path.path} ${reason}`.toLowerCase().includes(wanted)) continue;
    const key = `${path.step}\n${reason}`;
    const group = groups.get(key) ?? { reason, step: path.step, class: path.error_class ?? "", paths: [] };
    group.paths.push(path);
    groups.set(key, group);
  }
  return [...groups.values()].sort((one, other) => other.paths.length - one.paths.length);
}
