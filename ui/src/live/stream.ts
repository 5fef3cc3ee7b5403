/** One connection to the hub's live events for all tabs of a browser: one tab listens, and tells the others. */
import type { Schemas } from "~/api/client";
import { backOff, framesOf, type Frame } from "./frames";

export type Event = Schemas["Event"];
export type Link = "joining" | "live" | "away";
export type Heard = { kind: "event"; event: Event } | { kind: "gap" } | { kind: "link"; link: Link };

const NAME = "towpath-live";

/** Listens until the signal ends, in this tab or through another one. */
export function listen(tell: (heard: Heard) => void, signal: AbortSignal): void {
  const channel = new BroadcastChannel(NAME);
  channel.onmessage = (message) => tell(message.data as Heard);
  signal.addEventListener("abort", () => channel.close());
  const both = (heard: Heard): void => {
    tell(heard);
    if (!signal.aborted) channel.postMessage(heard);
  };
  // Browsers open six connections to a host: a stream in each of many tabs would leave none for questions.
  const locks = navigator.locks as LockManager | undefined;
  if (!locks) {
    void stay(both, signal);
    return;
  }
  tell({ kind: "link", link: "live" });
  locks.request(NAME, { signal }, () => stay(both, signal)).catch(() => undefined);
}

async function stay(tell: (heard: Heard) => void, signal: AbortSignal): Promise<void> {
  let last: string | undefined;
  let attempt = 0;
  while (!signal.aborted) {
    tell({ kind: "link", link: attempt ? "away" : "joining" });
    try {
      await follow(last, signal, (frame) => {
        if (frame.id) last = frame.id;
        const heard = heardOf(frame);
        if (heard) tell(heard);
      }, () => {
        // What happened before the first number is unknown: what was read until now may have changed.
        if (last === undefined) tell({ kind: "gap" });
        attempt = 0;
        tell({ kind: "link", link: "live" });
      });
    } catch {
      // The hub is away or restarts: it is asked again.
    }
    attempt += 1;
    if (!signal.aborted) await pause(backOff(attempt, Math.random()), signal);
  }
}

async function follow(
  last: string | undefined, signal: AbortSignal, each: (frame: Frame) => void, opened: () => void,
): Promise<void> {
  const headers: Record<string, string> = last === undefined ? {} : { "Last-Event-ID": last };
  const answer = await fetch("/api/events/stream/", { headers, signal, cache: "no-store" });
  if (!answer.ok || !answer.body) throw new Error(`status ${answer.status}`);
  opened();
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const found = framesOf(rest + value);
    rest = found.rest;
    found.frames.forEach(each);
  }
}

/** What a frame says; undefined where it says nothing that anybody here understands. */
export function heardOf(frame: Frame): Heard | undefined {
  if (frame.event === "gap") return { kind: "gap" };
  try {
    return { kind: "event", event: JSON.parse(frame.data) as Event };
  } catch {
    return undefined;
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
