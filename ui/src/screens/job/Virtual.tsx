/** A long list of which only what is seen stands in the page; more is read as its end comes near. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, type ReactNode } from "react";
import css from "./Job.module.css";

interface Long<T> {
  rows: readonly T[];
  height: number;
  label: string;
  heads: readonly string[];
  /** Heads of columns whose content stands at their right edge. */
  right?: readonly string[];
  layout: string | undefined;
  cells: (row: T) => readonly ReactNode[];
  more: (() => void) | undefined;
  busy: boolean;
}

const ASKS: readonly string[] = ["Actions"];

export function Virtual<T>({ rows, height, label, heads, right = ASKS, layout, cells, more, busy }: Long<T>) {
  const frame = useRef<HTMLDivElement>(null);
  const list = useVirtualizer({ count: rows.length, getScrollElement: () => frame.current, estimateSize: () => height, overscan: 12 });
  const shown = list.getVirtualItems();
  const lowest = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && !busy && lowest >= rows.length - 25) more();
  }, [more, busy, lowest, rows.length]);
  const side = (index: number): string => (right.includes(heads[index] ?? "") ? " num" : "");
  return (
    <div ref={frame} className={css.virtual} role="table" aria-label={label} tabIndex={0}>
      <div role="rowgroup" className={css.head}><div role="row" className={`${layout} ${css.head}`}>{heads.map((head, index) => <span role="columnheader" className={side(index)} key={head}>{head}</span>)}</div></div>
      <div role="rowgroup" style={{ height: list.getTotalSize(), position: "relative" }}>
        {shown.map((item) => {
          const row = rows[item.index];
          return row !== undefined && (
            <div role="row" key={item.key} className={`${layout} ${css.at}`} data-last={item.index === rows.length - 1 || undefined} style={{ transform: `translateY(${item.start}px)` }}>
              {cells(row).map((cell, index) => <span role="cell" className={`clip${side(index)}`} key={index}>{cell}</span>)}
            </div>
          );
        })}
      </div>
    </div>
  );
}
