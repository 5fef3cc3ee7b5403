/** What screens ask about alerts, the settings that are changed while hubs run, and webhooks. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { asked, hub, tagged, type Schemas } from "./client";
import { cursorOf, PAGE, type PageOf } from "./queries";

export type Alert = Schemas["Alert"];
export type AlertKind = Schemas["AlertKind"];
export type AlertRule = Schemas["AlertRule"];
export type Severity = Schemas["Severity"];
export type Mute = Schemas["Mute"];
export type Destination = Schemas["Destination"];
export type Notice = Schemas["Notice"];
export type Setting = Schemas["Setting"];
export type Webhook = Schemas["Webhook"];
export type Delivery = Schemas["Delivery"];

export interface AlertsAsked {
  kind?: AlertKind;
  site?: string;
}

/** Rows of a list of what was sent that are shown at once. */
export const SENT = 50;

const first = undefined as string | undefined;
const next = (last: PageOf<unknown>): string | undefined => cursorOf(last.next);

/** What stands, the newest first; the menu, the dashboard and the screen of alerts share the answer. */
export const standingQuery = queryOptions({
  queryKey: ["alerts", "standing"],
  refetchInterval: 30_000,
  queryFn: ({ signal }): Promise<PageOf<Alert>> => asked(hub.GET("/api/alerts/", { params: { query: { state: "open", page_size: PAGE } }, signal })),
});

export const alertsQuery = (state: "open" | "cleared", wanted: AlertsAsked) =>
  infiniteQueryOptions({
    queryKey: ["alerts", "list", state, wanted],
    initialPageParam: first,
    getNextPageParam: next,
    queryFn: ({ pageParam, signal }): Promise<PageOf<Alert>> => asked(hub.GET("/api/alerts/", { params: { query: { ...wanted, state, page_size: PAGE, cursor: pageParam } }, signal })),
  });

export const rulesQuery = queryOptions({
  queryKey: ["alerts", "rules"],
  queryFn: ({ signal }) => asked(hub.GET("/api/alerts/rules/", { signal })),
});

export const mutesQuery = queryOptions({
  queryKey: ["alerts", "mutes"],
  queryFn: ({ signal }) => asked(hub.GET("/api/alerts/mutes/", { signal })),
});

export const destinationsQuery = queryOptions({
  queryKey: ["alerts", "destinations"],
  queryFn: ({ signal }) => asked(hub.GET("/api/alerts/destinations/", { signal })),
});

export const noticesQuery = (name: string) =>
  queryOptions({
    queryKey: ["alerts", "destinations", name, "notices"],
    queryFn: ({ signal }): Promise<PageOf<Notice>> => asked(hub.GET("/api/alerts/destinations/{name}/notices/", { params: { path: { name }, query: { page_size: SENT } }, signal })),
  });

/** With the tag of what was read, so that a change can say of what it is meant. */
export const settingsQuery = queryOptions({
  queryKey: ["settings"],
  queryFn: ({ signal }) => tagged(hub.GET("/api/settings/", { signal })),
});

export const webhooksQuery = queryOptions({
  queryKey: ["webhooks"],
  queryFn: ({ signal }) => asked(hub.GET("/api/webhooks/", { signal })),
});

export const deliveriesQuery = (id: number, state: Delivery["state"] | undefined = undefined) =>
  queryOptions({
    queryKey: ["webhooks", id, "deliveries", state ?? ""],
    queryFn: ({ signal }): Promise<PageOf<Delivery>> => asked(hub.GET("/api/webhooks/{webhook_id}/deliveries/", { params: { path: { webhook_id: id }, query: { state, page_size: SENT } }, signal })),
  });
