/** Server-sent events as text: what is whole of it, and what is left for the next piece. */
export interface Frame {
  id?: string;
  event: string;
  data: string;
}

/** The frames that end in this text, and the rest of it. Comments keep a connection alive and say nothing. */
export function framesOf(text: string): { frames: Frame[]; rest: string } {
  const parts = text.split(/\r\n\r\n|\n\n|\r\r/);
  const rest = parts.pop() ?? "";
  return { frames: parts.map(frameOf).filter((frame) => frame.data !== "" || frame.id !== undefined), rest };
}

function frameOf(block: string): Frame {
  const frame: Frame = { event: "message", data: "" };
  const lines: string[] = [];
  for (const line of block.split(/\r\n|\n|\r/)) {
    const [, field, value] = /^([^:]+):? ?(.*)$/.exec(line) ?? [];
    if (field === "data") lines.push(value ?? "");
    else if (field === "id") frame.id = value ?? "";
    else if (field === "event") frame.event = value ?? "message";
  }
  frame.data = lines.join("\n");
  return frame;
}

/** Milliseconds before the nth attempt to come back. */
export function backOff(attempt: number, chance: number): number {
  return Math.min(30_000, 500 * 2 ** attempt) * (0.75 + chance / 2);
}
