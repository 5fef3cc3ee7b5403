/** What the chart of throughput draws, from what the hub tells: a bar for each step, a piece of it for each site. */
import type { Schemas } from "~/api/client";
import { byteRate, bytes, plural, rate } from "~/format/numbers";

export type Throughput = Schemas["Throughput"];
export type Measure = "bytes" | "done";

/** Sites with a colour of their own; the others share one. */
export const APART = 5;
/** Seconds that have gone by of the last step before its rate is taken as it is: of two seconds nobody can say. */
const SETTLED = 20;

export interface Line {
  /** "" are the others. */
  site: string;
  name: string;
  /** Amounts a second, step by step. */
  rates: number[];
  done: number;
  failed: number;
  bytes: number;
}

export interface Series {
  /** When each step begins, in milliseconds since 1970. */
  begins: number[];
  lines: Line[];
  /** What all sites do a second, step by step. */
  all: number[];
  /** The end of the axis: a round number above all. */
  most: number;
}

/** Of the measure that is asked for; `now` in milliseconds since 1970: the step that is under way has not lasted yet. */
export function seriesOf(found: Throughput, measure: Measure, now: number): Series {
  const since = Date.parse(found.since);
  const step = found.step * 1000;
  const steps = Math.max(1, Math.ceil((Date.parse(found.until) - since) / step));
  const begins = Array.from({ length: steps }, (_, index) => since + index * step);
  const lasted = begins.map((begin) => Math.min(found.step, Math.max(SETTLED, (now - begin) / 1000)));
  const own = found.results.filter((one) => one.site !== null).slice(0, APART);
  const rest = found.results.filter((one) => !own.includes(one));
  const lines = [...own.map((one) => lineOf(one.site ?? "", one.site ?? "", [one])), ...(rest.length ? [lineOf("", "Other sites", rest)] : [])];
  const all = begins.map((_, index) => lines.reduce((sum, line) => sum + (line.rates[index] ?? 0), 0));
  return { begins, lines, all, most: roundAbove(Math.max(0, ...all)) };

  function lineOf(site: string, name: string, of: Throughput["results"]): Line {
    const rates = begins.map(() => 0);
    for (const point of of.flatMap((one) => one.points)) {
      const index = Math.round((Date.parse(point.at) - since) / step);
      if (index >= 0 && index < steps) rates[index] = (rates[index] ?? 0) + point[measure] / (lasted[index] ?? found.step);
    }
    const sum = (what: "done" | "failed" | "bytes") => of.reduce((all, one) => all + one[what], 0);
    return { site, name, rates, done: sum("done"), failed: sum("failed"), bytes: sum("bytes") };
  }
}

/** A round number, not below a value and not far above it. */
export function roundAbove(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((one) => one * power >= value) ?? 10) * power;
}

export const rateText = (measure: Measure, perSecond: number): string => (measure === "bytes" ? byteRate(perSecond) : rate(perSecond).replace("/s", " paths/s"));

/** The whole in a sentence, for who does not see the chart, and for who reads it first. */
export function summary(found: Throughput, series: Series, measure: Measure, clock: (at: number) => string): string {
  if (found.done === 0 && found.failed === 0 && found.bytes === 0) return "Nothing was done.";
  const peak = series.all.indexOf(Math.max(...series.all));
  const failed = found.failed ? `, ${plural(found.failed, "path")} failed` : "";
  return `${bytes(found.bytes)} and ${plural(found.done, "path")}${failed}; at most ${rateText(measure, series.all[peak] ?? 0)}, at ${clock(series.begins[peak] ?? 0)}.`;
}
