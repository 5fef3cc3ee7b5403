import { describe, expect, test } from "vitest";
import { deedsAskedOf, exportUrl, laidOut, readAuditSearch } from "./search";

describe("the log", () => {
  test("has its filters in the address, and what cannot be understood is left out", () => {
    expect(readAuditSearch({ by: "ana", action: "", thing: 12, since: "yesterday", until: "2026-11-29", x: 1 })).toEqual({ by: "ana", thing: "12", until: "2026-11-29" });
  });
  test("is asked for whole days of the reader", () => {
    const asked = deedsAskedOf({ since: "2026-11-29", until: "2026-11-29" });
    expect(Date.parse(asked.until ?? "") - Date.parse(asked.since ?? "")).toBe(86_400_000);
  });
  test("is exported with the same filters", () => {
    expect(exportUrl({ by: "ana b" })).toBe("/api/audit/?format=jsonl&by=ana+b");
  });
  test("lays bodies out, and leaves alone what is none", () => expect([laidOut('{"a":1}'), laidOut("{")]).toEqual(['{\n  "a": 1\n}', "{"]));
});
