/** Keys of objects as folders, and what a form says about a target. */
import type { Schemas } from "~/api/client";

export type Object = Schemas["Object"];

export interface Credential {
  name: string;
  value: string;
}

/** The names that credentials have for each kind of URL: offered, not enforced, for the hub knows best. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  file: [],
  s3: ["access_key_id", "secret_access_key", "session_token"],
  az: ["account_key", "sas_token", "client_id", "client_secret", "tenant_id"],
  gs: ["service_account_key"],
  sftp: ["username", "password", "private_key", "passphrase", "host_key"],
};

export const schemeOf = (url: string): string => /^([a-z0-9+]+):\/\//i.exec(url)?.[1]?.toLowerCase() ?? "";

export const namesFor = (url: string): readonly string[] => NAMES[schemeOf(url)] ?? [...new Set(Object.values(NAMES).flat())];

/** The credentials of a form: lines without a name say nothing. */
export function credentialsOf(lines: readonly Credential[]): Record<string, string> {
  return Object.fromEntries(lines.filter((line) => line.name.trim() !== "").map((line) => [line.name.trim(), line.value]));
}

/** The prefixes that lead to a prefix, the shortest first: `a/b/` has `a/` and `a/b/`. */
export function stepsOf(prefix: string): { name: string; prefix: string }[] {
  const parts = prefix.split("/").filter((part, at, all) => part !== "" || at < all.length - 1);
  return parts.map((name, at) => ({ name, prefix: parts.slice(0, at + 1).join("/") + (at < parts.length - 1 || prefix.endsWith("/") ? "/" : "") }));
}

/** A key behind a prefix: the folder that it lies in and what follows. */
export function beneath(key: string, prefix: string): { folder: string; name: string } {
  const rest = key.startsWith(prefix) ? key.slice(prefix.length) : key;
  const at = rest.indexOf("/") + 1;
  return { folder: rest.slice(0, at), name: rest.slice(at) };
}
