import { describe, expect, test } from "vitest";
import type { Alert } from "~/api/telling";
import { ledTo, mutedBy, readAlertsSearch, sentOf, summary, thresholdOf, worstFirst } from "./standing";

const alert = (id: number, severity: Alert["severity"], muted = false): Alert => ({ id, severity, kind: "job.failed", thing: `job/${id}`, muted: muted ? {} : null }) as Alert;

describe("alerts", () => {
  test("stand the gravest first, the newest of these, and what is muted last", () => {
    expect(worstFirst([alert(5, "critical", true), alert(1, "warning"), alert(2, "critical"), alert(3, "critical"), alert(4, "info")]).map((one) => one.id)).toEqual([3, 2, 1, 4, 5]);
  });
  test("are summed up in the tone of the gravest, and what is muted is not counted among them", () => {
    expect(summary([])).toEqual({ tone: "good", word: "All is well" });
    expect(summary([alert(1, "warning"), alert(2, "critical"), alert(3, "warning"), alert(4, "critical", true)])).toEqual({ tone: "bad", word: "1 critical, 2 warning" });
    expect(summary([alert(4, "critical", true)])).toEqual({ tone: "good", word: "All muted (1)" });
  });
  test("lead to the screen of their thing", () => {
    expect(ledTo("node/oslo/n1")).toEqual({ word: "Node n1 of oslo", to: "site", site: "oslo" });
    expect(ledTo("job/12")).toEqual({ word: "Job 12", to: "job", job: "12" });
    expect(ledTo("root/oslo/data")).toEqual({ word: "Root data of oslo", to: "site", site: "oslo" });
    expect(ledTo("hub/h/1")).toEqual({ word: "Hub h/1", to: null });
  });
  test("have thresholds that people can read", () => {
    expect([thresholdOf(1800, "seconds"), thresholdOf(90, "percent"), thresholdOf(1, "days"), thresholdOf(14, "days")]).toEqual(["30 min", "90 %", "1 day", "14 days"]);
  });
  test("are muted by kind, by thing or all", () => {
    expect([mutedBy({ kind: null, thing: null }), mutedBy({ kind: "disk.high", thing: null }), mutedBy({ kind: null, thing: "site/oslo" })])
      .toEqual(["All alerts", "Disk nearly full, wherever it is", "Anything: Site oslo"]);
  });
  test("were sent, wait, or are tried again", () => {
    expect([sentOf({ state: "waiting", attempts: 0 }).word, sentOf({ state: "waiting", attempts: 2 }).word, sentOf({ state: "given up", attempts: 9 }).tone]).toEqual(["Waiting", "Tried again", "bad"]);
  });
  test("have their filters in the address, and what cannot be understood is left out", () => {
    expect(readAlertsSearch({ tab: "history", kind: "job.failed", site: 7, x: 1 })).toEqual({ tab: "history", kind: "job.failed", site: "7" });
    expect(readAlertsSearch({ tab: "standing", kind: "weather", site: "" })).toEqual({});
  });
});
