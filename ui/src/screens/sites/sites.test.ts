import { describe, expect, test } from "vitest";
import type { Node, Paused, Queue } from "~/api/places";
import type { Site } from "~/api/queries";
import { alertsOf, healthOf, joinLine, markOf, ordered, queuesOf, slotsOf } from "./standing";

const node = (more: Partial<Node>): Node => ({ name: "n", site: "oslo", online: true, state: "online", running: 0, queues: {}, started_with: {}, ...more }) as Node;
const site = (more: Partial<Site>): Site => ({ name: "oslo", health: "ok", nodes: [], paused: [], alerts: {}, ...more }) as Site;
const pause = (queue: string): Paused => ({ queue, by: "ana", why: "", at: "", resume_at: null, now: false });

describe("a site", () => {
  test("has the slots of the nodes that are heard, queue by queue, and shows a pause of a queue that nobody serves", () => {
    const nodes = [
      node({ queues: { default: { worker: 4, discovery: 1 } } }),
      node({ queues: { default: { worker: 2 }, night: { worker: 0 } } }),
      node({ online: false, queues: { default: { worker: 8 } } }),
    ];
    const queues = queuesOf(site({ nodes, paused: [pause(""), pause("tape")] }));
    expect(queues.map((queue) => [queue.queue, [...queue.slots], queue.nodes, queue.paused?.by])).toEqual([
      ["default", [["worker", 6], ["discovery", 1]], 2, undefined],
      ["night", [], 0, undefined],
      ["tape", [], 0, "ana"],
    ]);
  });
  test("has a queue on which something waits, though nobody serves it", () => {
    const waits = { queue: "tape", waiting: 3, running: 0, slots: 0, paused: false } as Queue;
    const [tape] = queuesOf(site({}), [waits]);
    expect([tape?.queue, tape?.told?.waiting, tape?.nodes]).toEqual(["tape", 3, 0]);
    expect(markOf(waits)?.word).toBe("Not served");
    expect(markOf({ ...waits, paused: true })?.word).toBe("Paused");
    expect(markOf({ ...waits, waiting: 0 })).toBeUndefined();
    expect(markOf({ ...waits, slots: 2 })).toBeUndefined();
  });
  test("says how many of its alerts stand, in the tone of the gravest", () => {
    expect(alertsOf({ alerts: {} })).toBeUndefined();
    expect(alertsOf({ alerts: { info: 2 } })).toEqual({ word: "2 alerts", tone: "busy", title: "2 info" });
    expect(alertsOf({ alerts: { warning: 1, critical: 1 } })).toEqual({ word: "2 alerts", tone: "bad", title: "1 critical, 1 warning" });
  });
  test("without a node is no fault: it waits for its first", () => {
    expect(healthOf(site({ health: "critical" })).tone).toBe("still");
    expect(healthOf(site({ health: "critical", nodes: [node({})] })).tone).toBe("bad");
  });
});

describe("a node", () => {
  test("that needs somebody stands before those that are well", () => {
    expect(ordered([node({ name: "a" }), node({ name: "c", state: "offline" }), node({ name: "b", state: "draining" })]).map((one) => one.name)).toEqual(["c", "b", "a"]);
  });
  test("shows the slots that it has beside those that it was started with, also where it has none left", () => {
    expect(slotsOf(node({ started_with: { default: { worker: 4 } }, queues: {} }))).toEqual([{ queue: "default", function: "worker", now: 0, started: 4 }]);
  });
  test("joins by a line that holds its token", () => expect(joinLine("towpath-join-1-x")).toBe("towpath worker --root data=DIR --join towpath-join-1-x"));
});
