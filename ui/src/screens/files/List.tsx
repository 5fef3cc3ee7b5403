/** The entries of a directory: only what is seen stands in the page; arrows, Enter, Space and Backspace do what they do in a file browser. */
import { Checkbox } from "@mantine/core";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, type KeyboardEvent } from "react";
import type { File } from "~/api/queries";
import { bytesOf, printable } from "~/format/paths";
import { FileBadge, FileMark } from "~/parts/FileMark";
import { Bytes, Time } from "~/parts/Shown";
import { moved, type Chosen } from "./chosen";
import css from "./Files.module.css";

const HEIGHT = 36;
const HEADS = ["Name", "State", "Size", "On disk", "Modified"];

interface Entries {
  rows: readonly File[];
  chosen: Chosen;
  setChosen: (chosen: Chosen) => void;
  looked: string | undefined;
  open: (file: File) => void;
  look: (file: File) => void;
  up: () => void;
  toggle: (at: number, range: boolean) => void;
  all: () => void;
  more: (() => void) | undefined;
  busy: boolean;
}

export function List({ rows, chosen, setChosen, looked, open, look, up, toggle, all, more, busy }: Entries) {
  const frame = useRef<HTMLDivElement>(null);
  const list = useVirtualizer({ count: rows.length, getScrollElement: () => frame.current, estimateSize: () => HEIGHT, overscan: 15, scrollPaddingStart: HEIGHT });
  const shown = list.getVirtualItems();
  const lowest = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && !busy && lowest >= rows.length - 200) more();
  }, [more, busy, lowest, rows.length]);
  const press = (event: KeyboardEvent): void => {
    const file = rows[chosen.cursor];
    const page = Math.max(1, Math.floor((frame.current?.clientHeight ?? 400) / HEIGHT) - 2);
    const next = moved(chosen, rows, event.key, page, event.shiftKey);
    if (next) {
      setChosen(next);
      list.scrollToIndex(next.cursor);
    } else if (event.key === "Enter" && file) open(file);
    else if (event.key === " " && file) toggle(chosen.cursor, event.shiftKey);
    else if (event.key === "a" && (event.ctrlKey || event.metaKey)) all();
    else if (event.key === "Backspace") up();
    else return;
    event.preventDefault();
  };
  const every = rows.length > 0 && chosen.paths.size >= rows.length;
  return (
    <div ref={frame} className={css.list} role="grid" aria-label="Entries of this directory" aria-multiselectable="true" aria-rowcount={more ? -1 : rows.length + 1} tabIndex={0}
      aria-activedescendant={chosen.cursor >= 0 ? `entry-${chosen.cursor}` : undefined} onKeyDown={press}>
      <div role="rowgroup" className={css.heads}>
        <div role="row" className={css.row} aria-rowindex={1}>
          <span role="columnheader"><Checkbox size="xs" aria-label="Choose all that were read" checked={every} indeterminate={chosen.paths.size > 0 && !every} onChange={all} /></span>
          {HEADS.map((head) => <span role="columnheader" key={head}>{head}</span>)}
        </div>
      </div>
      <div role="rowgroup" style={{ height: list.getTotalSize(), position: "relative" }}>
        {shown.map((item) => {
          const file = rows[item.index];
          return file && (
            <Row key={file.path_b64} file={file} at={item.index} top={item.start} chosen={chosen.paths.has(file.path_b64)} cursor={chosen.cursor === item.index} looked={looked === file.path_b64}
              toggle={toggle} open={() => open(file)} look={() => (setChosen({ ...chosen, cursor: item.index, anchor: item.index }), look(file))} />
          );
        })}
      </div>
    </div>
  );
}

interface One {
  file: File;
  at: number;
  top: number;
  chosen: boolean;
  cursor: boolean;
  looked: boolean;
  toggle: (at: number, range: boolean) => void;
  open: () => void;
  look: () => void;
}

function Row({ file, at, top, chosen, cursor, looked, toggle, open, look }: One) {
  const name = printable(unslashed(file));
  const directory = file.type === "directory";
  return (
    <div role="row" id={`entry-${at}`} aria-rowindex={at + 2} aria-selected={chosen} className={`${css.row} ${css.entry}`} data-cursor={cursor} data-looked={looked} style={{ transform: `translateY(${top}px)` }} onClick={look} onDoubleClick={open}>
      <span role="gridcell"><Checkbox size="xs" tabIndex={-1} aria-label={`Choose ${name}`} checked={chosen} onChange={() => undefined} onClick={(event) => (event.stopPropagation(), toggle(at, event.shiftKey))} /></span>
      <span role="gridcell" className={css.name}>
        <FileMark file={file} />
        {directory ? <button type="button" tabIndex={-1} className="clip" title={name} onClick={(event) => (event.stopPropagation(), open())}>{name}</button> : <span className="clip" title={name}>{name}</span>}
      </span>
      <span role="gridcell">{directory ? <span className="dim">Directory</span> : <FileBadge file={file} />}</span>
      <span role="gridcell" className="num">{directory ? <span className="dim">–</span> : <Bytes of={file.size} />}</span>
      <span role="gridcell" className="num">{directory ? <span className="dim">–</span> : <Bytes of={file.allocated} />}</span>
      <span role="gridcell"><Time at={file.modified_at} /></span>
    </div>
  );
}

/** The bytes of a name. */
function unslashed(file: File): Uint8Array {
  const bytes = bytesOf(file.path_b64);
  return bytes.subarray(bytes.lastIndexOf(0x2f) + 1);
}
