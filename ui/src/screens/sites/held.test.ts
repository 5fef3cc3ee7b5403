import { describe, expect, test } from "vitest";
import type { SpaceCounted } from "~/api/places";
import { heldOf, unknown } from "./held";

const space = (name: string, files: number | null, more: Partial<SpaceCounted> = {}): SpaceCounted => ({
  name, site: "oslo", within: null, job: null, failure: "", began_at: null, ended_at: files === null ? null : `2026-11-29T1${files % 10}:00:00Z`, complete: files !== null,
  usage: files === null ? null : { files, folders: 2, others: 0, bytes: 0, allocated: 0, hydrated_files: files - 1, hydrated_bytes: 0, dehydrated_files: 1, dehydrated_bytes: 0, unreadable: 0 }, ...more,
});

describe("what a site holds", () => {
  test("is the sum of its spaces, and as old as the oldest count", () => {
    expect(heldOf("oslo", [space("a", 12), space("b", 21), space("c", 100, { site: "rome" })])).toEqual({
      files: 33, folders: 4, hydrated: 31, dehydrated: 2, spaces: 2, counted: 2, since: "2026-11-29T11:00:00Z", counting: false, partly: false,
    });
  });
  test("counts a space that lies in another once, and by itself where the other never was", () => {
    expect(heldOf("oslo", [space("a", 12), space("in", 5, { within: "a" })]).files).toBe(12);
    expect(heldOf("oslo", [space("a", null), space("in", 5, { within: "a" })])).toMatchObject({ files: 5, spaces: 1, counted: 0 });
  });
  test("is said to be unknown where it is, and why", () => {
    expect([unknown(heldOf("oslo", [])), unknown(heldOf("oslo", [space("a", null)])), unknown(heldOf("oslo", [space("a", null, { job: 7 })]))]).toEqual([
      "Files and folders: not known, it has no space", "Files and folders: not known, its spaces were never counted", "Files and folders: being counted",
    ]);
  });
  test("is partly known where some paths could not be looked at", () => expect(heldOf("oslo", [space("a", 3, { complete: false })]).partly).toBe(true));
});
