import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Job, Jobs } from "~/api/queries";
import { backOff, framesOf } from "./frames";
import { patching, Readings, withJobs } from "./patches";
import { rateOf, withLook } from "./rates";
import { heardOf } from "./stream";

describe("frames", () => {
  test("what is whole is taken, and the rest waits for more", () => {
    const { frames, rest } = framesOf(": beat\n\nid: 7\nevent: job.ended\ndata: {\"a\":\ndata: 1}\n\nid: 8\nda");
    expect(frames).toEqual([{ id: "7", event: "job.ended", data: '{"a":\n1}' }]);
    expect(rest).toBe("id: 8\nda");
  });
  test("a gap is told as one, and what cannot be read is passed over", () => {
    expect(heardOf({ event: "gap", data: "{}" })).toEqual({ kind: "gap" });
    expect(heardOf({ event: "job.new", data: "not json" })).toBeUndefined();
  });
  test("who comes back waits longer each time, half a minute at most", () => {
    expect([backOff(0, 0.5), backOff(3, 0.5), backOff(30, 0.5)]).toEqual([500, 4000, 30000]);
  });
});

describe("patches", () => {
  const job = (id: number, state: string): Job => ({ id, state }) as Job;
  const page = (...jobs: Job[]): Jobs => ({ count: 9, next: null, previous: null, results: jobs });
  test("jobs are put in place: no row jumps, and pages that do not change stay the same", () => {
    const pages = { pages: [page(job(3, "STARTED"), job(2, "SUCCESS")), page(job(1, "SUCCESS"))], pageParams: [undefined, "2"] };
    const next = withJobs(pages, new Map([[3, job(3, "SUCCESS")]]));
    expect(next.pages[0]?.results.map((one) => [one.id, one.state])).toEqual([[3, "SUCCESS"], [2, "SUCCESS"]]);
    expect(next.pages[1]).toBe(pages.pages[1]);
    expect(withJobs(pages, new Map([[99, job(99, "PENDING")]]))).toBe(pages);
  });
});

describe("files", () => {
  const event = (job: number | null) => ({ id: 1, kind: "job.ended", at: "", job, site: "oslo", node: "", by: "", details: {} }) as unknown as Parameters<ReturnType<typeof patching>>[0];
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  test("directories that nobody looks at are forgotten as soon as a job moves; what is shown stays", () => {
    const client = new QueryClient();
    const shown = ["files", "oslo", "shown"], left = ["files", "oslo", "left"];
    for (const key of [shown, left]) client.setQueryData(key, "as it was");
    const unsubscribe = new QueryObserver(client, { queryKey: shown, staleTime: Infinity, queryFn: () => "read anew" }).subscribe(() => undefined);
    const hear = patching(client);
    hear(event(null));
    vi.advanceTimersByTime(1000);
    expect(client.getQueryData(left)).toBe("as it was");
    hear(event(7));
    vi.advanceTimersByTime(1000);
    expect([client.getQueryData(shown), client.getQueryData(left)]).toEqual(["as it was", undefined]);
    client.setQueryData(left, "as it is");
    hear("gap");
    expect([client.getQueryData(shown), client.getQueryData(left)]).toEqual(["as it was", undefined]);
    unsubscribe();
    client.clear();
  });
});

describe("readings", () => {
  test("what a reading tells counts only where nobody began to read the same later, however the answers come", () => {
    const readings = new Readings();
    const [first, second] = [readings.begin([1, 2]), readings.begin([2, 3])];
    expect(readings.end(second, [2, 3])).toEqual(new Set([2, 3]));
    expect(readings.end(first, [1, 2])).toEqual(new Set([1]));
  });
  test("while a newer reading is awaited, what an older one tells does not count", () => {
    const readings = new Readings();
    const [first, second] = [readings.begin([1]), readings.begin([1])];
    expect(readings.end(first, [1])).toEqual(new Set());
    expect(readings.end(second, [1])).toEqual(new Set([1]));
    expect(readings.end(readings.begin([1]), [1])).toEqual(new Set([1]));
  });
});

describe("rates", () => {
  test("a rate is what grew over the last half minute; one that goes back begins anew", () => {
    let looks = withLook([], { at: 0, value: 0 });
    expect(rateOf(looks)).toBeUndefined();
    looks = withLook(looks, { at: 2000, value: 10 });
    expect(rateOf(looks)).toBe(5);
    looks = withLook(looks, { at: 62_000, value: 10 });
    expect(rateOf(looks)).toBeUndefined();
    expect(withLook(looks, { at: 63_000, value: 3 })).toEqual([{ at: 63_000, value: 3 }]);
  });
});
