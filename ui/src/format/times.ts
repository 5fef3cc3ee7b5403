/** Times and durations for people, in the reader's zone. */
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `4 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`: the two largest units. */
export function duration(milliseconds: number): string {
  const all = Math.max(0, Math.round(milliseconds / SECOND));
  if (milliseconds > 0 && milliseconds < SECOND) return "<1 s";
  const parts: [number, string][] = [
    [Math.floor(all / 86400), "d"],
    [Math.floor(all / 3600) % 24, "h"],
    [Math.floor(all / 60) % 60, "min"],
    [all % 60, "s"],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  if (first < 0) return "0 s";
  return parts.slice(first, first + 2).filter(([value]) => value > 0).map(([value, unit]) => `${value} ${unit}`).join(" ");
}

/** By so much a page's clock, which ticks, may be behind what the hub has just told. */
const BEHIND = 2 * SECOND;

/** `just now`, `5 min ago`, `in 2 h`; from a week on the day itself. */
export function relative(at: Date, now: Date, zone?: string): string {
  const apart = now.getTime() - at.getTime();
  const size = Math.abs(apart);
  if (size >= 7 * DAY) return day(at, now, zone);
  if (size < 10 * SECOND) return apart >= -BEHIND ? "just now" : "in a moment";
  const said = size < MINUTE ? `${Math.floor(size / SECOND)} s` : size < HOUR ? `${Math.floor(size / MINUTE)} min`
    : size < DAY ? `${Math.floor(size / HOUR)} h` : `${Math.floor(size / DAY)} d`;
  return apart >= 0 ? `${said} ago` : `in ${said}`;
}

function day(at: Date, now: Date, zone?: string): string {
  const year = at.getFullYear() === now.getFullYear() ? undefined : ("numeric" as const);
  return new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year, timeZone: zone }).format(at);
}

/** `29 Nov 2026, 14:02:05.123 CET`: to the millisecond, with the zone. */
export function exact(at: Date, zone?: string): string {
  return new Intl.DateTimeFormat("en-GB", {
    day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
    fractionalSecondDigits: 3, timeZoneName: "short", timeZone: zone,
  }).format(at);
}

/** `14:02:05`. */
export function clock(at: Date, zone?: string): string {
  return new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: zone }).format(at);
}

/** `14:02`. */
export function minute(at: Date, zone?: string): string {
  return new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: zone }).format(at);
}

/** Milliseconds that are left at this rate; undefined where nobody can say. */
export function remaining(done: number, all: number, perSecond: number): number | undefined {
  return perSecond > 0 && all > done ? ((all - done) / perSecond) * SECOND : undefined;
}
