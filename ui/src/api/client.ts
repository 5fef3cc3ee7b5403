/** The one way to the hub: typed by its contract, with the session's token, and with refusals as `Problem`s. */
import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "./schema.gen";

export type Schemas = components["schemas"];
export type Fault = Schemas["Fault"];

/** A refusal of the hub (RFC 9457), or that it could not be reached (status 0). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly type: string = "about:blank",
    readonly faults: readonly Fault[] = [],
  ) {
    super(detail);
    this.name = "Problem";
  }
}

let csrf = "";

/** Says which token goes with each call that changes something. */
export function useToken(token: string | null | undefined): void {
  csrf = token ?? "";
}

const signed: Middleware = {
  onRequest({ request }) {
    if (request.method !== "GET") request.headers.set("X-CSRF-Token", csrf);
    return request;
  },
};

export const hub = createClient<paths>({ baseUrl: "/" });
hub.use(signed);

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** What a call gave (of lists, the page and not the lines of text); throws a `Problem` where it was refused or the hub is away. */
export async function asked<T>(call: Promise<Answer<T>>): Promise<Exclude<T, string>> {
  let answer: Answer<T>;
  try {
    answer = await call;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Problem(0, "The hub cannot be reached", "The hub does not answer. It is asked again by itself.");
  }
  if (!answer.response.ok) throw problemOf(answer.response.status, answer.error);
  return answer.data as Exclude<T, string>;
}

/** The same, with the tag (`ETag`) of what was read. */
export async function tagged<T>(call: Promise<Answer<T>>): Promise<{ found: Exclude<T, string>; tag: string | undefined }> {
  const found = await asked(call);
  return { found, tag: (await call).response.headers.get("ETag") ?? undefined };
}

/** The body of a refusal, whatever came. */
export function problemOf(status: number, body: unknown): Problem {
  if (typeof body === "object" && body !== null && "detail" in body) {
    const said = body as Partial<Schemas["Problem"]>;
    return new Problem(status, said.title ?? `Status ${status}`, said.detail ?? "", said.type, said.problems ?? []);
  }
  return new Problem(status, `Status ${status}`, "The hub, or a proxy before it, refused without saying why.");
}
