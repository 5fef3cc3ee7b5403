import { describe, expect, test } from "vitest";
import type { Setting } from "~/api/telling";
import { boundsOf, fits, lost, titleOf, valueOf, wantsOf } from "./standing";

const keep: Setting = { name: "keep_days", value: 90, default: 90, description: "For how long jobs that are over are kept; 0: for ever.", unit: "days", least: 0, most: 100_000, words: null, set_by: null, set_at: null };
const level: Setting = { ...keep, name: "log_level", value: "INFO", default: "INFO", description: "What a hub writes into its log.", unit: "", least: null, most: null, words: ["DEBUG", "INFO"] };

describe("settings", () => {
  test("are named and told in words, and nought as what it means", () => {
    expect([titleOf("keep_events_days"), valueOf(keep, 1), valueOf(keep, 30), valueOf(keep, 0), valueOf(level, "DEBUG")]).toEqual(["Keep events days", "1 day", "30 days", "For ever", "DEBUG"]);
    expect([valueOf({ description: "", unit: "hours" }, 0.5), boundsOf({ ...keep, least: 0.1, unit: "hours" })]).toEqual(["0.5 hours", "0.1 to 100,000 hours"]);
    expect([boundsOf(keep), boundsOf(level)]).toEqual(["0 to 100,000 days", "DEBUG, INFO"]);
  });
  test("take what lies within their bounds", () => {
    expect([fits(keep, 0), fits(keep, ""), fits(keep, 100_001), fits(level, "DEBUG"), fits(level, "LOUD")]).toEqual([true, false, false, true, false]);
  });
  test("that somebody else changed first are told with who and to what", () => {
    expect(lost([keep, level], [{ ...keep, value: 30, set_by: "bo", set_at: "2026-11-29T12:00:00Z" }, level])).toMatch(/^bo set keep days to 30 days, while this was open\./);
    expect(lost([{ ...keep, value: 30, set_at: "2026-11-29T12:00:00Z" }], [keep])).toMatch(/^Keep days was put back to 90 days/);
    expect(lost([keep], [keep])).toMatch(/changed back/);
  });
});

describe("a webhook", () => {
  test("says of what it is told", () => {
    expect([wantsOf({ events: [], job_workflow: null }), wantsOf({ events: ["job.ended"], job_workflow: "migrate" })]).toEqual(["every event", "job.ended, of jobs of migrate"]);
  });
});
