/** Paths, which are bytes: what is no UTF-8, and what no screen can show, is written as \xNN. */

/** The bytes of base64. */
export function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** Bytes as base64, for a question to the hub. */
export function base64Of(path: Uint8Array): string {
  return btoa(Array.from(path, (byte) => String.fromCharCode(byte)).join(""));
}

/** How long the character at a place is, if it is whole UTF-8; else 0. */
function width(path: Uint8Array, at: number): number {
  const first = path[at] ?? 0;
  const long = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
  if (long === 0 || at + long > path.length) return 0;
  try {
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(path.subarray(at, at + long));
    return long;
  } catch {
    return 0;
  }
}

const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}]/u;

/** The path for people. */
export function printable(path: Uint8Array): string {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const escaped = (part: Uint8Array): string => Array.from(part, (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
  let text = "";
  for (let at = 0; at < path.length; ) {
    const long = width(path, at);
    const part = path.subarray(at, at + Math.max(1, long));
    const shown = long ? decoder.decode(part) : "";
    text += shown && !HIDDEN.test(shown) ? shown : escaped(part);
    at += Math.max(1, long);
  }
  return text;
}

/** The directory with its slash, and the name: the name is what people look for. */
export function split(path: string): [string, string] {
  const at = path.replace(/\/+$/, "").lastIndexOf("/") + 1;
  return [path.slice(0, at), path.slice(at)];
}
