/** What screens ask about people: who one is, keys, sessions, users, groups, and the log of what was done. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { asked, hub, type Schemas } from "./client";
import { cursorOf, PAGE, type PageOf } from "./queries";
import type { operations } from "./schema.gen";

export type Key = Schemas["Key"];
export type User = Schemas["User"];
export type Group = Schemas["Group"];
export type Deed = Schemas["Deed"];
export type Role = Schemas["Role"];
export type Right = Schemas["Right"];
export type DeedsAsked = Pick<NonNullable<operations["list_deeds"]["parameters"]["query"]>, "by" | "action" | "thing" | "since" | "until">;

const first = undefined as string | undefined;
const next = (last: PageOf<unknown>): string | undefined => cursorOf(last.next);

export const keysQuery = infiniteQueryOptions({
  queryKey: ["keys", "mine"],
  initialPageParam: first,
  getNextPageParam: next,
  queryFn: ({ pageParam, signal }): Promise<PageOf<Key>> => asked(hub.GET("/api/auth/clientkeys/", { params: { query: { page_size: PAGE, cursor: pageParam } }, signal })),
});

export const sessionsQuery = queryOptions({
  queryKey: ["sessions"],
  queryFn: ({ signal }) => asked(hub.GET("/api/auth/sessions/", { signal })),
});

export const usersQuery = infiniteQueryOptions({
  queryKey: ["users"],
  initialPageParam: first,
  getNextPageParam: next,
  queryFn: ({ pageParam, signal }): Promise<PageOf<User>> => asked(hub.GET("/api/auth/users/", { params: { query: { page_size: PAGE, cursor: pageParam } }, signal })),
});

export const groupsQuery = infiniteQueryOptions({
  queryKey: ["groups"],
  initialPageParam: first,
  getNextPageParam: next,
  queryFn: ({ pageParam, signal }): Promise<PageOf<Group>> => asked(hub.GET("/api/auth/groups/", { params: { query: { page_size: PAGE, cursor: pageParam } }, signal })),
});

export const deedsQuery = (wanted: DeedsAsked) =>
  infiniteQueryOptions({
    queryKey: ["deeds", wanted],
    initialPageParam: first,
    getNextPageParam: next,
    queryFn: ({ pageParam, signal }): Promise<PageOf<Deed>> => asked(hub.GET("/api/audit/", { params: { query: { ...wanted, page_size: PAGE, cursor: pageParam } }, signal })),
  });
