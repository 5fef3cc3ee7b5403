import { describe, expect, test } from "vitest";
import { joined, nameOf, parent, spelled, unspelled, within } from "./spelling";

describe("paths in addresses", () => {
  test("come back byte for byte, whatever they hold", () => {
    const odd = [0x2f, 0xff, 0x5c, 0x78, 0x34, 0x31, 0xc3, 0xa9, 0x0a, 0xf0, 0x9f, 0x98, 0x80, 0xc3, 0x5c];
    expect(spelled(Uint8Array.from(odd))).toBe("/\\xff\\x5cx41é\\x0a😀\\xc3\\x5c");
    expect([...unspelled(spelled(Uint8Array.from(odd)))]).toEqual(odd);
    const all = Array.from({ length: 256 }, (_, byte) => byte);
    expect([...unspelled(spelled(Uint8Array.from(all)))]).toEqual(all);
  });
  test("are what people type where nothing is odd in them", () => {
    expect(spelled(new TextEncoder().encode("/data/été 2026"))).toBe("/data/été 2026");
    expect(unspelled("/data/x")).toEqual(new TextEncoder().encode("/data/x"));
  });
  test("are taken apart at their slashes", () => {
    expect([joined("/", "a"), joined("/a/", "b"), parent("/a/b"), parent("/a"), parent("/"), nameOf("/a/b/"), nameOf("/")]).toEqual(["/a", "/a/b", "/a", "/", "/", "b", "/"]);
    expect([within("/a/b", "/a"), within("/ab", "/a"), within("/a", "/a"), within("/x", "/")]).toEqual([true, false, true, true]);
  });
});
