/** What was done in the last hour or day: a chart by site, the same in a sentence, and as a table. */
import { SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { throughputQuery, type SpanAsked } from "~/api/queries";
import { byteRate, bytes, count, rate } from "~/format/numbers";
import { minute } from "~/format/times";
import { Panel } from "~/parts/Page";
import { Trouble, Waiting } from "~/parts/Standing";
import { rateText, seriesOf, summary, type Line, type Measure, type Series, type Throughput as Told } from "./series";
import css from "./Throughput.module.css";

/** Round numbers as they are said: `800 kB/s`. */
const axis = (text: string): string => text.replace(".0", "");

const clock = (at: number): string => minute(new Date(at));

export function Throughput() {
  const [span, setSpan] = useState<SpanAsked>("hour");
  const [measure, setMeasure] = useState<Measure>("bytes");
  const told = useQuery(throughputQuery(span));
  return (
    <Panel title="Throughput" actions={
      <span className={css.choices}>
        <SegmentedControl size="xs" aria-label="Of what" value={measure} onChange={(value) => setMeasure(value as Measure)} data={[{ value: "bytes", label: "Bytes" }, { value: "done", label: "Paths" }]} />
        <SegmentedControl size="xs" aria-label="Of which time" value={span} onChange={(value) => setSpan(value as SpanAsked)} data={[{ value: "hour", label: "Last hour" }, { value: "day", label: "Last day" }]} />
      </span>
    }>
      {told.isPending ? <Waiting rows={6} /> : !told.data ? <Trouble error={told.error} again={() => void told.refetch()} /> : <Shown told={told.data} measure={measure} at={told.dataUpdatedAt} />}
    </Panel>
  );
}

function Shown({ told, measure, at }: { told: Told; measure: Measure; at: number }) {
  const series = useMemo(() => seriesOf(told, measure, at), [told, measure, at]);
  const [over, setOver] = useState<number>();
  const said = summary(told, series, measure, clock);
  return (
    <div className={css.whole}>
      <p className={css.said} data-throughput>{over === undefined ? said : stepText(series, over, measure)}</p>
      <Chart series={series} measure={measure} said={said} over={over} look={setOver} />
      {series.lines.length > 0 && <Sites series={series} seconds={(Date.parse(told.until) - Date.parse(told.since)) / 1000} />}
      {series.lines.length > 0 && <AsTable series={series} measure={measure} />}
    </div>
  );
}

function stepText(series: Series, index: number, measure: Measure): string {
  const parts = series.lines.filter((line) => (line.rates[index] ?? 0) > 0).map((line) => `${line.name} ${rateText(measure, line.rates[index] ?? 0)}`);
  return `${clock(series.begins[index] ?? 0)}: ${parts.length > 1 ? `${rateText(measure, series.all[index] ?? 0)} (${parts.join(", ")})` : parts[0] ?? "nothing"}`;
}

/** Bars that lie on each other, the first site at the bottom; drawn in a square that is stretched to its place. */
function Chart({ series, measure, said, over, look }: { series: Series; measure: Measure; said: string; over: number | undefined; look: (index: number | undefined) => void }) {
  const steps = series.begins.length;
  const label = (value: number): string => (measure === "bytes" ? byteRate(value) : rate(value));
  return (
    <div className={css.chart}>
      <div className={css.scale} aria-hidden="true"><span>{axis(label(series.most))}</span><span>{axis(label(series.most / 2))}</span><span>0</span></div>
      <svg className={css.plot} viewBox={`0 0 ${steps} 100`} preserveAspectRatio="none" role="img" aria-label={said} onMouseLeave={() => look(undefined)}>
        <path className={css.rule} d={`M0 0H${steps}M0 50H${steps}`} vectorEffect="non-scaling-stroke" />
        {series.lines.map((line, number) => <path key={line.site} className={css[line.site === "" ? "rest" : `s${number}`]} d={barsOf(series, number)} />)}
        {series.begins.map((begin, index) => <rect key={begin} className={index === over ? css.over : css.under} x={index} y={0} width={1} height={100} onMouseEnter={() => look(index)} />)}
      </svg>
      <div className={css.times} aria-hidden="true"><span>{clock(series.begins[0] ?? 0)}</span><span>{clock(series.begins[Math.floor(steps / 2)] ?? 0)}</span><span>now</span></div>
    </div>
  );
}

/** All bars of a line in one path. */
function barsOf({ lines, begins, most }: Series, number: number): string {
  const height = (value: number): number => (value / most) * 100;
  return begins.map((_, index) => {
    const own = height(lines[number]?.rates[index] ?? 0);
    if (own <= 0) return "";
    const below = lines.slice(0, number).reduce((sum, line) => sum + height(line.rates[index] ?? 0), 0);
    const seen = Math.max(own, 0.8);
    return `M${index + 0.1} ${(100 - below).toFixed(3)}h.8v${(-seen).toFixed(3)}h-.8z`;
  }).join("");
}

function Swatch({ line, number }: { line: Line; number: number }) {
  return <svg width="10" height="10" viewBox="0 0 10 10" aria-hidden="true"><rect width="10" height="10" rx="2" className={css[line.site === "" ? "rest" : `s${number}`]} /></svg>;
}

function Sites({ series, seconds }: { series: Series; seconds: number }) {
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label="Throughput by site">
      <table className={`plain ${css.sites}`}>
        <thead><tr><th>Site</th><th className="num">Bytes a second</th><th className="num">Paths a second</th><th className="num">Bytes</th><th className="num">Paths</th><th className="num">Failed</th></tr></thead>
        <tbody>
          {series.lines.map((line, number) => (
            <tr key={line.site} data-site-throughput={line.site}>
              <td><span className={css.name}><Swatch line={line} number={number} />{line.site ? <Link to="/sites/$site" params={{ site: line.site }}>{line.name}</Link> : line.name}</span></td>
              <td className="num">{byteRate(line.bytes / seconds)}</td><td className="num">{rate(line.done / seconds)}</td><td className="num">{bytes(line.bytes)}</td><td className="num">{count(line.done)}</td><td className="num">{count(line.failed)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The chart for who does not see it: the steps in which anything was done. */
function AsTable({ series, measure }: { series: Series; measure: Measure }) {
  const [open, setOpen] = useState(false);
  const steps = series.begins.map((begin, index) => ({ begin, index })).filter(({ index }) => (series.all[index] ?? 0) > 0);
  return (
    <details className={css.table} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>As a table</summary>
      {open && (
        <div className="scroll" tabIndex={0} role="region" aria-label="Throughput by time" style={{ maxHeight: "18rem", overflowY: "auto" }}>
          <table className="plain">
            <thead><tr><th>From</th>{series.lines.map((line) => <th key={line.site} className="num">{line.name}</th>)}<th className="num">All</th></tr></thead>
            <tbody>
              {steps.map(({ begin, index }) => (
                <tr key={begin}><td>{clock(begin)}</td>{series.lines.map((line) => <td key={line.site} className="num">{rateText(measure, line.rates[index] ?? 0)}</td>)}<td className="num">{rateText(measure, series.all[index] ?? 0)}</td></tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}
