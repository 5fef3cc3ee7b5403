/** A long list of which only what is seen stands in the page; more is read as its end comes near. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, type ReactNode } from "react";
import css from "./Job.module.css";

interface Long<T> {
  rows: readonly T[];
  height: number;
  label: string;
  heads: readonly string[];
  layout: string | undefined;
  cells: (row: T) => readonly ReactNode[];
  more: (() => void) | undefined;
  busy: boolean;
}

export function Virtual<T>({ rows, height, label, heads, layout, cells, more, busy }: Long<T>) {
  const frame = useRef<HTMLDivElement>(null);
  const list = useVirtualizer({ count: rows.length, getScrollElement: () => frame.current, estimateSize: () => height, overscan: 12 });
  const shown = list.getVirtualItems();
  const lowest = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && !busy && lowest >= rows.length - 25) more();
  }, [more, busy, lowest, rows.length]);
  return (
    <div ref={frame} className={css.virtual} role="table" aria-label={label} tabIndex={0} style={{ height: `min(${34 + rows.length * height + 12}px, 70dvh)` }}>
      <div role="rowgroup" className={css.head}><div role="row" className={`${layout} ${css.head}`}>{heads.map((head) => <span role="columnheader" key={head}>{head}</span>)}</div></div>
      <div role="rowgroup" style={{ height: list.getTotalSize(), position: "relative" }}>
        {shown.map((item) => {
          const row = rows[item.index];
          return row !== undefined && (
            <div role="row" key={item.key} className={`${layout} ${css.at}`} style={{ transform: `translateY(${item.start}px)` }}>
              {cells(row).map((cell, index) => <span role="cell" className="clip" key={index}>{cell}</span>)}
            </div>
          );
        })}
      </div>
    </div>
  );
}
