/** Times, paths and amounts as they stand in tables and sentences. */
import { createContext, useContext, useEffect, useState, type ReactNode } from "react";
import { bytes as bytesText, count } from "~/format/numbers";
import { bytesOf, printable, split } from "~/format/paths";
import { duration, exact, relative } from "~/format/times";

const Now = createContext(new Date());

/** One clock for all times that are shown: they change together, once a second. */
export function Clock({ children }: { children: ReactNode }) {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    const timer = setInterval(() => document.hidden || setNow(new Date()), 1000);
    return () => clearInterval(timer);
  }, []);
  return <Now.Provider value={now}>{children}</Now.Provider>;
}

export const useNow = (): Date => useContext(Now);

/** When: near in words, exactly on hover. */
export function Time({ at, none = "–" }: { at: string | null | undefined; none?: string }) {
  const now = useNow();
  if (!at) return <span className="dim">{none}</span>;
  const date = new Date(at);
  return <time dateTime={at} title={exact(date)} className="nowrap">{relative(date, now)}</time>;
}

/** How long from one time to another, or until now. */
export function Span({ from, to }: { from: string | null | undefined; to: string | null | undefined }) {
  const now = useNow();
  if (!from) return <span className="dim">–</span>;
  const end = to ? new Date(to) : now;
  return <span className="nowrap">{duration(end.getTime() - new Date(from).getTime())}</span>;
}

export const Count = ({ of }: { of: number }) => <span className="nowrap">{count(of)}</span>;
export const Bytes = ({ of }: { of: number }) => <span className="nowrap" title={`${count(of)} bytes`}>{bytesText(of)}</span>;

/** A path: its directory quieter than its name; `base64` has its bytes exactly. */
export function PathText({ path, base64, clip = false }: { path?: string; base64?: string | null; clip?: boolean }) {
  const text = base64 ? printable(bytesOf(base64)) : (path ?? "");
  const [directory, name] = split(text);
  return (
    <span className={`mono ${clip ? "pathline" : ""}`} title={text} style={clip ? undefined : { overflowWrap: "anywhere" }}>
      <span className="dim">{directory}</span><span>{name}</span>
    </span>
  );
}
