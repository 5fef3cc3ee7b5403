import { describe, expect, test } from "vitest";
import type { Job, Path, Site, Task } from "~/api/queries";
import type { Alert } from "~/api/telling";
import { ALL_JOB_STATES, isOver, mayWish } from "~/api/states";
import { attention, depthText } from "./dashboard/standing";
import { grouped } from "./job/groups";
import { lanesOf } from "./job/lanes";
import { readJobSearch } from "./job/search";
import { keepViews, readSearch, readViews } from "./jobs/search";
import { mayAsk } from "./jobs/wishes";

const totals = { discovered: 0, done: 0, failed: 0, skipped: 0, aborted: 0, not_run: 0, unknown: 0 };
const job = (more: Partial<Job>): Job => ({ id: 1, state: "STARTED", wanted: "run", workflow: "migrate", site: "oslo", totals, bytes_done: 0, created_at: "2026-11-29T12:00:00Z", waiting: null, ...more }) as Job;

describe("what may be asked of a job", () => {
  test("is what the table of wishes says, and nothing of one that is over but to retry what is left", () => {
    for (const state of ALL_JOB_STATES) {
      expect(mayAsk(job({ state }), "resume")).toBe(mayWish(state, "run"));
      expect(mayAsk(job({ state }), "cancel")).toBe(mayWish(state, "cancel"));
      expect(mayAsk(job({ state, totals: { ...totals, failed: 1 } }), "retry")).toBe(isOver(state));
      expect(mayAsk(job({ state }), "retry")).toBe(false);
    }
    expect(mayAsk(job({ state: "PAUSING", wanted: "pause" }), "pause")).toBe(false);
  });
});

describe("addresses", () => {
  test("what cannot be understood is left out", () => {
    expect(readSearch({ state: "BROKEN", site: 7, created_from: "yesterday", created_to: "2026-11-29", hide_noop: true, x: 1 })).toEqual({ site: "7", created_to: "2026-11-29", hide_noop: true });
    expect(readJobSearch({ tab: "paths", outcome: "failed", state: "nope" })).toEqual({ tab: "paths", outcome: "failed" });
  });
  test("views are kept, and a broken store is an empty one", () => {
    let kept = "";
    keepViews([{ name: "mine", search: { state: "FAILURE" } }], { setItem: (_, value) => void (kept = value) });
    expect(readViews({ getItem: () => kept })).toEqual([{ name: "mine", search: { state: "FAILURE" } }]);
    expect(readViews({ getItem: () => "{" })).toEqual([]);
  });
});

describe("failed paths", () => {
  const path = (name: string, reason: string): Path => ({ path: name, path_b64: "", reason, step: "recall", error_class: "permanent" }) as Path;
  test("stand together by reason, the most first, and are found by path or reason", () => {
    const paths = [path("/a", "gone"), path("/b", "denied"), path("/c", "denied")];
    expect(grouped(paths, "").map((group) => [group.reason, group.paths.length])).toEqual([["denied", 2], ["gone", 1]]);
    expect(grouped(paths, "GONE").map((group) => group.reason)).toEqual(["gone"]);
    expect(grouped(paths, "/c")[0]?.paths.length).toBe(1);
    const named = [path("/a", "no object 'a@1' there"), path("/b", "no object 'b@2' there"), path("/c", "denied: 'c'")];
    expect(grouped(named, "").map((group) => [group.reason, group.paths.length])).toEqual([["no object '…' there", 2], ["denied: 'c'", 1]]);
  });
});

describe("the dashboard", () => {
  test("says plainly how much waits", () => {
    expect(depthText({ waiting: 1204, running: 4 })).toBe("1,204 tasks wait");
    expect(depthText({ waiting: 1, running: 0 })).toBe("1 task waits");
    expect(depthText({ waiting: 0, running: 4 })).toBe("Nothing waits");
    expect(depthText({ waiting: 0, running: 0 })).toBe("Nothing waits, nothing runs");
  });
  test("names what needs somebody, the worst first", () => {
    const site = { name: "rome", health: "critical", nodes: [{}], paused: [] } as unknown as Site;
    const lines = attention([job({ id: 5, totals: { ...totals, failed: 2 } })], [], [], [job({ id: 6, waiting: "no node" })], [site]);
    expect(lines.map((line) => line.title)).toEqual(["Site rome is not heard", "migrate #5 failed", "migrate #6 waits"]);
    expect(lines[1]?.why).toBe("At oslo: 2 paths failed.");
  });
  test("has alerts that no job or site tells by itself, and none that is muted", () => {
    const alert = (id: number, kind: Alert["kind"], muted = false): Alert => ({ id, kind, severity: "warning", thing: "root/rome/data", sentence: "it fills up", muted: muted ? {} : null }) as Alert;
    const lines = attention([], [], [], [], [], [alert(1, "disk.high"), alert(2, "job.failed"), alert(3, "disk.high", true)]);
    expect(lines.map((line) => [line.title, line.why, line.alert])).toEqual([["Disk nearly full: Root data of rome", "It fills up", "disk.high"]]);
  });
});

describe("who worked when", () => {
  const task = (id: number, node: string | null, from: number | null, to: number | null): Task =>
    ({ id, site: "oslo", node, started_at: from === null ? null : new Date(from).toISOString(), ended_at: to === null ? null : new Date(to).toISOString() }) as Task;
  test("tasks of one time lie on lanes of their own, what runs ends now, and what never started is not drawn", () => {
    const nodes = lanesOf([task(1, "n1", 0, 10), task(2, "n1", 5, 20), task(3, "n1", 10, null), task(4, null, null, null), task(5, "n0", 3, 4)], 50);
    expect(nodes.map((node) => [node.node, node.lanes.map((lane) => lane.map((block) => block.task.id))])).toEqual([["oslo/n0", [[5]]], ["oslo/n1", [[1, 3], [2]]]]);
    expect(nodes[1]?.lanes[0]?.[1]?.to).toBe(50);
  });
});
