import { describe, expect, test } from "vitest";
import { APART, roundAbove, seriesOf, summary, type Throughput } from "./series";

const at = (minute: number): string => new Date(Date.UTC(2026, 10, 29, 12, minute)).toISOString();
const point = (minute: number, bytes: number, done = 0, failed = 0) => ({ at: at(minute), bytes, done, failed });
const site = (name: string | null, points: Throughput["results"][number]["points"]) => ({
  site: name, points, done: points.reduce((sum, one) => sum + one.done, 0), failed: 0, bytes: points.reduce((sum, one) => sum + one.bytes, 0),
});
const told = (results: Throughput["results"]): Throughput => ({
  since: at(0), until: at(3), step: 60, results, done: results.reduce((sum, one) => sum + one.done, 0), failed: 0, bytes: results.reduce((sum, one) => sum + one.bytes, 0),
});

describe("throughput", () => {
  test("is an amount a second in each step, of each site and of all", () => {
    const series = seriesOf(told([site("oslo", [point(0, 600), point(2, 1200)]), site("rome", [point(2, 60)])]), "bytes", Date.parse(at(9)));
    expect(series.lines.map((line) => [line.name, line.rates])).toEqual([["oslo", [10, 0, 20]], ["rome", [0, 0, 1]]]);
    expect([series.all, series.most]).toEqual([[10, 0, 21], 25]);
  });
  test("of the step under way is taken over what has gone by of it, and not over an instant", () => {
    const found = told([site("oslo", [point(2, 600)])]);
    expect(seriesOf(found, "bytes", Date.parse(at(2)) + 30_000).all[2]).toBe(20);
    expect(seriesOf(found, "bytes", Date.parse(at(2)) + 1000).all[2]).toBe(30);
  });
  test("of many sites keeps some apart, and loses none", () => {
    const sites = Array.from({ length: APART + 2 }, (_, number) => site(`s${number}`, [point(1, 60)]));
    const series = seriesOf(told([...sites, site(null, [point(1, 120)])]), "bytes", Date.parse(at(9)));
    expect(series.lines.map((line) => line.name)).toEqual(["s0", "s1", "s2", "s3", "s4", "Other sites"]);
    expect(series.all[1]).toBe(APART + 4);
    expect(series.lines.at(-1)?.bytes).toBe(240);
  });
  test("has an axis that ends at a round number", () => expect([0, 1, 1.1, 21, 260, 9e6].map(roundAbove)).toEqual([1, 1, 1.5, 25, 300, 1e7]));
  test("is told in a sentence", () => {
    const found = told([site("oslo", [point(1, 60_000, 120)])]);
    expect(summary(found, seriesOf(found, "done", Date.parse(at(9))), "done", () => "12:01")).toBe("60.0 kB and 120 paths; at most 2.0 paths/s, at 12:01.");
    expect(summary(told([]), seriesOf(told([]), "bytes", Date.parse(at(9))), "bytes", () => "")).toBe("Nothing was done.");
  });
});
