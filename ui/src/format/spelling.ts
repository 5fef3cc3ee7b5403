/** Paths in addresses: text that can be read, and from which the bytes come back exactly. */
import { printable } from "./paths";

const BACKSLASH = 0x5c;
const ESCAPE = /\\x([0-9a-f]{2})/gi;

/** As `printable`, but a backslash of the path itself is \x5c, so that nothing can be read in two ways. */
export function spelled(path: Uint8Array): string {
  const parts: string[] = [];
  let from = 0;
  for (let at = path.indexOf(BACKSLASH); at >= 0; at = path.indexOf(BACKSLASH, from)) {
    parts.push(printable(path.subarray(from, at)));
    from = at + 1;
  }
  parts.push(printable(path.subarray(from)));
  return parts.join("\\x5c");
}

/** The bytes that are spelled so. */
export function unspelled(text: string): Uint8Array {
  const encoder = new TextEncoder();
  const bytes: number[] = [];
  let from = 0;
  for (const found of text.matchAll(ESCAPE)) {
    bytes.push(...encoder.encode(text.slice(from, found.index)), Number.parseInt(found[1] ?? "", 16));
    from = found.index + found[0].length;
  }
  bytes.push(...encoder.encode(text.slice(from)));
  return Uint8Array.from(bytes);
}

/** A directory and a name in it. */
export function joined(directory: string, name: string): string {
  return `${directory.replace(/\/+$/, "")}/${name}`;
}

/** The directory that a spelled path lies in; that of `/` is itself. */
export function parent(path: string): string {
  return path.replace(/\/+$/, "").replace(/\/[^/]*$/, "") || "/";
}

/** The last component of a spelled path. */
export function nameOf(path: string): string {
  return /[^/]+(?=\/*$)/.exec(path)?.[0] ?? "/";
}

/** Whether one spelled path is another, or lies beneath it. */
export function within(path: string, directory: string): boolean {
  const top = directory.replace(/\/+$/, "");
  return path === top || path.startsWith(`${top}/`) || top === "";
}
