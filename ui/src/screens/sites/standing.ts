/** How a site stands, from its nodes and what was paused there. */
import type { Node, Paused, Queue as Told } from "~/api/places";
import type { Site } from "~/api/queries";
import { plural } from "~/format/numbers";
import type { Tone } from "~/parts/Tag";
import { severityOf, SEVERITIES } from "../alerts/standing";

export interface Queue {
  queue: string;
  /** Function → slots of all nodes that serve it and are heard. */
  slots: ReadonlyMap<string, number>;
  /** Nodes that are heard and serve it. */
  nodes: number;
  paused: Paused | undefined;
  /** What waits and runs on it; undefined where nothing does. */
  told: Told | undefined;
}

export const HEALTH: Readonly<Record<Site["health"], { word: string; tone: Tone; title: string }>> = {
  ok: { word: "Healthy", tone: "good", title: "All nodes are online" },
  warning: { word: "Warning", tone: "warn", title: "Some nodes are not heard" },
  critical: { word: "Not heard", tone: "bad", title: "No node is heard" },
};

export const NODE: Readonly<Record<Node["state"], { word: string; tone: Tone; title: string }>> = {
  online: { word: "Online", tone: "good", title: "It is heard, and takes work" },
  draining: { word: "Draining", tone: "warn", title: "It finishes what it has and takes no more" },
  drained: { word: "Drained", tone: "still", title: "It holds nothing, and can be stopped" },
  offline: { word: "Offline", tone: "bad", title: "It is not heard" },
};

/** A site without nodes waits for its first one; that is no fault. */
export function healthOf(site: Site): { word: string; tone: Tone; title: string } {
  return site.nodes.length ? HEALTH[site.health] : { word: "No node yet", tone: "still", title: "No node has joined it" };
}

/** The queues of a site by name: those that nodes serve, and those that are paused, or on which something waits, though nobody serves them. */
export function queuesOf(site: Site, told: readonly Told[] = []): Queue[] {
  const names = new Set([...site.nodes.flatMap((node) => Object.keys(node.queues)), ...site.paused.map((paused) => paused.queue), ...told.map((one) => one.queue)]);
  names.delete("");
  return [...names].sort().map((queue) => {
    const heard = site.nodes.filter((node) => node.online && Object.values(node.queues[queue] ?? {}).some((slots) => slots > 0));
    const slots = new Map<string, number>();
    for (const node of heard) for (const [name, own] of Object.entries(node.queues[queue] ?? {})) slots.set(name, (slots.get(name) ?? 0) + own);
    return { queue, slots, nodes: heard.length, paused: site.paused.find((paused) => paused.queue === queue), told: told.find((one) => one.queue === queue) };
  });
}

/** What keeps the tasks of a queue from being granted, where something does. */
export function markOf(queue: Pick<Told, "paused" | "slots" | "waiting">): { word: string; tone: Tone; title: string } | undefined {
  if (queue.paused) return { word: "Paused", tone: "warn", title: "Somebody paused it, or its site" };
  return queue.slots === 0 && queue.waiting > 0 ? { word: "Not served", tone: "warn", title: "No node that is heard serves it" } : undefined;
}

/** How many alerts of a site stand, with the tone of the gravest; undefined where none does. */
export function alertsOf({ alerts }: Pick<Site, "alerts">): { word: string; tone: Tone; title: string } | undefined {
  const stand = [...SEVERITIES].reverse().filter((severity) => (alerts[severity] ?? 0) > 0);
  const gravest = stand[0];
  if (!gravest) return undefined;
  const all = stand.reduce((sum, severity) => sum + (alerts[severity] ?? 0), 0);
  return { word: plural(all, "alert"), tone: severityOf(gravest).tone, title: stand.map((severity) => `${alerts[severity] ?? 0} ${severity}`).join(", ") };
}

/** The pause of the whole site, where one stands. */
export const pauseOf = (site: Site): Paused | undefined => site.paused.find((paused) => paused.queue === "");

export const onlineOf = (site: Site): number => site.nodes.filter((node) => node.online).length;
export const runningOf = (site: Site): number => site.nodes.reduce((sum, node) => sum + node.running, 0);

/** Nodes that need somebody first, then by name. */
export function ordered(nodes: readonly Node[]): Node[] {
  const rank: Record<Node["state"], number> = { offline: 0, draining: 1, drained: 2, online: 3 };
  return [...nodes].sort((one, other) => rank[one.state] - rank[other.state] || one.name.localeCompare(other.name));
}

export interface Slots {
  queue: string;
  function: string;
  now: number;
  started: number;
}

/** The slots of a node as they are, beside those that it was started with. */
export function slotsOf(node: Node): Slots[] {
  const queues = new Set([...Object.keys(node.started_with), ...Object.keys(node.queues)]);
  return [...queues].sort().flatMap((queue) => {
    const names = new Set([...Object.keys(node.started_with[queue] ?? {}), ...Object.keys(node.queues[queue] ?? {})]);
    return [...names].sort().map((name) => ({ queue, function: name, now: node.queues[queue]?.[name] ?? 0, started: node.started_with[queue]?.[name] ?? 0 }));
  });
}

/** The line to paste on the machine that is to join. */
export const joinLine = (token: string): string => `towpath worker --root data=DIR --join ${token}`;
