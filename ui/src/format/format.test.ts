import { describe, expect, test } from "vitest";
import { brief, bytes, count, plural, rate, share } from "./numbers";
import { base64Of, bytesOf, printable, split } from "./paths";
import { duration, exact, relative, remaining } from "./times";

const raw = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

describe("numbers", () => {
  test("bytes are powers of a thousand, and never round up to a thousand of a unit", () => {
    expect([0, 999, 1000, 1_440_000_000, 999_960].map(bytes)).toEqual(["0 B", "999 B", "1.0 kB", "1.4 GB", "1.0 MB"]);
  });
  test("large numbers are short where there is little room", () => {
    expect([12, 99_999, 1_234_567].map(brief)).toEqual(["12", "99,999", "1.2M"]);
    expect(count(1_234_567)).toBe("1,234,567");
  });
  test("all is done only when all is done, and something is not nothing", () => {
    expect([share(0, 10), share(1, 1000), share(999, 1000), share(1000, 1000), share(1, 0)]).toEqual(["0%", "<1%", "99%", "100%", "0%"]);
  });
  test("one is one", () => expect([plural(1, "path"), plural(2, "path"), rate(0.25), rate(1200)]).toEqual(["1 path", "2 paths", "0.3/s", "1,200/s"]));
});

describe("times", () => {
  const now = new Date("2026-11-29T12:00:00Z");
  const ago = (seconds: number): string => relative(new Date(now.getTime() - seconds * 1000), now, "UTC");
  test("near times are told in words, and far ones by their day", () => {
    expect([ago(3), ago(45), ago(600), ago(7200), ago(3 * 86400), ago(20 * 86400), ago(-1), ago(-5), ago(-300)]).toEqual(["just now", "45 s ago", "10 min ago", "2 h ago", "3 d ago", "9 Nov", "just now", "in a moment", "in 5 min"]);
  });
  test("the exact time has milliseconds and the zone", () => {
    expect(exact(new Date("2026-11-29T13:02:05.123Z"), "Europe/Oslo")).toMatch(/29 Nov 2026.*14:02:05\.123 (CET|GMT\+1)/);
  });
  test("durations have their two largest units", () => {
    expect([0, 400, 4000, 200_000, 7_500_000, 277_200_000].map(duration)).toEqual(["0 s", "<1 s", "4 s", "3 min 20 s", "2 h 5 min", "3 d 5 h"]);
  });
  test("what does not move has no end in sight", () => {
    expect([remaining(50, 100, 10), remaining(50, 100, 0), remaining(100, 100, 5)]).toEqual([5000, undefined, undefined]);
  });
});

describe("paths", () => {
  test("bytes that are no UTF-8, and what no screen shows, are written as \\xNN", () => {
    expect(printable(new TextEncoder().encode("/mnt/blå/文件"))).toBe("/mnt/blå/文件");
    expect(printable(raw("/a\xff\xc3/b\n\x00"))).toBe("/a\\xff\\xc3/b\\x0a\\x00");
    expect(printable(new TextEncoder().encode("a\u202eb"))).toBe("a\\xe2\\x80\\xaeb");
  });
  test("base64 holds every byte", () => {
    const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    expect(bytesOf(base64Of(all))).toEqual(all);
  });
  test("a path is its directory and its name", () => expect([split("/a/b/c"), split("c"), split("/a/b/")]).toEqual([["/a/b/", "c"], ["", "c"], ["/a/", "b/"]]));
});
