/** Members of a list in an order that people change: dragged by a handle, or moved by buttons, which a keyboard and a phone have too. */
import { ActionIcon } from "@mantine/core";
import { useState, type DragEvent, type ReactNode } from "react";
import { placeOf, type At } from "./edits";
import { useEditing } from "./Editing";
import { Icon } from "~/parts/Icon";
import css from "./Form.module.css";

/** What is dragged now: only within one list is it dropped. */
let dragged: { list: string; from: number } | undefined;

interface Dragging {
  /** Whether a member is over this one, and would come before or behind it. */
  over: "before" | "behind" | undefined;
  handle: { draggable: true; onDragStart: (event: DragEvent) => void; onDragEnd: () => void };
  target: { onDragOver: (event: DragEvent) => void; onDragLeave: () => void; onDrop: (event: DragEvent) => void };
}

export function useDragging(list: At, at: number): Dragging {
  const { move } = useEditing();
  const [over, setOver] = useState<Dragging["over"]>();
  const name = placeOf(list);
  return {
    over,
    handle: {
      draggable: true,
      onDragStart: (event) => {
        event.stopPropagation();
        dragged = { list: name, from: at };
        event.dataTransfer.effectAllowed = "move";
        event.dataTransfer.setData("text/plain", `${name}[${at}]`);
        const card = event.currentTarget.closest("[data-card]");
        if (card) event.dataTransfer.setDragImage(card, 12, 12);
      },
      onDragEnd: () => void (dragged = undefined),
    },
    target: {
      onDragOver: (event) => {
        if (dragged?.list !== name) return;
        event.preventDefault();
        event.stopPropagation();
        const box = event.currentTarget.getBoundingClientRect();
        setOver(event.clientY < box.top + box.height / 2 ? "before" : "behind");
      },
      onDragLeave: () => setOver(undefined),
      onDrop: (event) => {
        setOver(undefined);
        if (dragged?.list !== name) return;
        event.preventDefault();
        event.stopPropagation();
        const { from } = dragged;
        dragged = undefined;
        const gap = over === "behind" ? at + 1 : at;
        const to = gap > from ? gap - 1 : gap;
        if (to !== from) move(list, from, to);
      },
    },
  };
}

export const Handle = ({ drag }: { drag: Dragging }) => <span className={css.handle} {...drag.handle} aria-hidden="true" title="Drag it to another place"><svg width={10} height={16} viewBox="0 0 10 16" fill="currentColor">{[2, 8, 14].flatMap((y) => [2, 8].map((x) => <circle key={`${x} ${y}`} cx={x} cy={y} r={1.4} />))}</svg></span>;

/** Up, down, away; and what else there is. */
export function Moves({ list, at, many, what, children }: { list: At; at: number; many: number; what: string; children?: ReactNode }) {
  const { move, remove } = useEditing();
  return (
    <span className={css.moves}>
      <ActionIcon variant="subtle" color="gray" aria-label={`Move ${what} up`} data-move="up" aria-disabled={at === 0} data-disabled={at === 0 || undefined} onClick={() => at > 0 && move(list, at, at - 1)}><Icon name="up" size={16} /></ActionIcon>
      <ActionIcon variant="subtle" color="gray" aria-label={`Move ${what} down`} data-move="down" aria-disabled={at === many - 1} data-disabled={at === many - 1 || undefined} onClick={() => at < many - 1 && move(list, at, at + 1)}><span className={css.turned}><Icon name="up" size={16} /></span></ActionIcon>
      {children}
      <ActionIcon variant="subtle" color="gray" aria-label={`Remove ${what}`} onClick={() => remove(list, at)}><Icon name="close" size={16} /></ActionIcon>
    </span>
  );
}
