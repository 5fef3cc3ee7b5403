/** Numbers, bytes and rates for people: powers of a thousand, as `ls --si` and the command line of Towpath have them. */
const UNITS = ["B", "kB", "MB", "GB", "TB", "PB", "EB"] as const;
const whole = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const parts = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 3 });
const short = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

/** `1,234,567`. */
export const count = (value: number): string => whole.format(value);

/** `0.1`, `1,234`: a number that somebody has set, with the parts that it has. */
export const exact = (value: number): string => parts.format(value);

/** `1.2M` from a hundred thousand on: where there is room for little. */
export const brief = (value: number): string => (Math.abs(value) < 100_000 ? whole.format(value) : short.format(value));

/** `1.4 GB`. */
export function bytes(value: number): string {
  let rest = value;
  for (const unit of UNITS) {
    if (Math.abs(rest) < 999.95 || unit === "EB") return unit === "B" ? `${Math.round(rest)} B` : `${rest.toFixed(1)} ${unit}`;
    rest /= 1000;
  }
  throw new Error("the last unit takes everything");
}

/** `1.4 GB/s`. */
export const byteRate = (perSecond: number): string => `${bytes(perSecond)}/s`;

/** `1,200/s`, `0.3/s`. */
export const rate = (perSecond: number): string =>
  `${perSecond >= 10 || perSecond === 0 ? whole.format(perSecond) : perSecond.toFixed(1)}/s`;

/** A share from 0 to 1 as `42%`; never 100% before all is done, nor 0% once something is. */
export function share(part: number, all: number): string {
  if (all <= 0) return "0%";
  const percent = (part / all) * 100;
  if (part > 0 && percent < 1) return "<1%";
  if (part < all && percent > 99) return "99%";
  return `${Math.round(percent)}%`;
}

/** `1 path`, `3 paths`. */
export const plural = (value: number, one: string, many = `${one}s`): string => `${count(value)} ${value === 1 ? one : many}`;
