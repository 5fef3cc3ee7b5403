/** What somebody may have meant who came to an address at which nothing is. */
import type { IconName } from "~/parts/Icon";
import { ENTRIES, type Entry } from "./nav";

interface Screen extends Pick<Entry, "label" | "icon" | "words" | "right"> {
  to: string;
}

export interface Meant {
  href: string;
  label: string;
  icon: IconName;
}

/** Screens whose address goes on with the name of a thing: the word for one. */
const THINGS: Readonly<Record<string, string>> = { "/jobs": "Job", "/tasks": "Task", "/sites": "Site", "/targets": "Target", "/workflows": "Workflow", "/files": "Files of" };
const SCREENS: readonly Screen[] = [
  ...ENTRIES.map((entry) => ({ ...entry, to: String(entry.to) })),
  { to: "/profile", label: "Profile", icon: "key", words: "account me password keys" },
  { to: "/tasks", label: "Task", icon: "jobs" },
];
/** As many letters may be wrong. */
const SLIPS = 2;
const MOST = 3;

/** How many letters have to be changed, put in, left out or swapped with their neighbour to make one word of the other. */
export function apart(one: string, other: string): number {
  const rows = [Array.from({ length: other.length + 1 }, (_, at) => at)];
  for (let i = 1; i <= one.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= other.length; j += 1) {
      const above = rows[i - 1] ?? [];
      const same = one[i - 1] === other[j - 1];
      let least = Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (above[j - 1] ?? 0) + (same ? 0 : 1));
      if (one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]) least = Math.min(least, (rows[i - 2]?.[j - 2] ?? least) + 1);
      row.push(least);
    }
    rows.push(row);
  }
  return rows[one.length]?.[other.length] ?? 0;
}

/** How far a word is from a screen, in letters; one of its other words is further than its own name. */
function farFrom(word: string, screen: Screen): number {
  const own = [screen.to.slice(1), ...screen.label.toLowerCase().split(" ")].filter(Boolean);
  const nearest = Math.min(...own.map((name) => (name.startsWith(word) && word.length > 2 ? 0.5 : apart(word, name))));
  return Math.min(nearest, (screen.words ?? "").split(" ").includes(word) ? 1.5 : Infinity);
}

const plain = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

/** The screens that an address comes near to, the nearest first, of those that somebody may see. */
export function meantBy(path: string, rights: readonly string[]): Meant[] {
  const [first = "", second] = path.split("/").filter(Boolean).map(plain);
  const word = first.toLowerCase();
  if (/^#?\d{1,15}$/.test(word)) return [{ href: `/jobs/${word.replace("#", "")}`, label: `Job ${word.replace("#", "")}`, icon: "jobs" }];
  const screens = SCREENS.filter((screen) => screen.to !== "/" && (!screen.right || rights.includes(screen.right)));
  const near = screens.map((screen) => ({ screen, far: farFrom(word, screen) })).filter(({ far }) => word && far <= Math.min(SLIPS, word.length / 2)).sort((one, other) => one.far - other.far);
  // What is much nearer than the others is meant.
  return near.filter(({ far }) => far < (near[0]?.far ?? 0) + 1).flatMap(({ screen }): Meant[] => {
    const { to } = screen;
    const thing = THINGS[to];
    const itself = to === "/tasks" ? [] : [{ href: to, label: screen.label, icon: screen.icon }];
    if (!second || !thing || ((to === "/jobs" || to === "/tasks") && !/^\d+$/.test(second))) return itself;
    return [{ href: `${to}/${encodeURIComponent(second)}`, label: `${thing} ${second}`, icon: screen.icon }, ...itself];
  }).filter((one) => one.href !== path.replace(/\/+$/, "")).slice(0, MOST);
}
