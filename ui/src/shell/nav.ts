/** What the menu leads to: a line for each screen that there is, in the order in which they stand. */
import type { LinkProps } from "@tanstack/react-router";
import type { Schemas } from "~/api/client";
import type { IconName } from "~/parts/Icon";

export interface Entry {
  group: "Work" | "Data" | "Places" | "Administration";
  to: LinkProps["to"];
  label: string;
  icon: IconName;
  /** Other words by which somebody may look for it. */
  words?: string;
  /** How many things behind it need somebody, shown beside it. */
  counts?: "alerts";
  /** The right without which it is not shown. */
  right?: Schemas["Right"];
}

export const ENTRIES: readonly Entry[] = [
  { group: "Work", to: "/", label: "Dashboard", icon: "home", words: "overview start health" },
  { group: "Work", to: "/jobs", label: "Jobs", icon: "jobs", words: "runs list" },
  { group: "Work", to: "/alerts", label: "Alerts", icon: "bell", words: "warnings rules destinations mutes notify what is wrong", right: "read", counts: "alerts" },
  { group: "Data", to: "/files", label: "Files", icon: "files", words: "browse directories paths spaces" },
  { group: "Data", to: "/workflows", label: "Workflows", icon: "workflow", words: "rules steps chains definitions" },
  { group: "Places", to: "/sites", label: "Sites", icon: "site", words: "nodes queues slots drain join pause", right: "read" },
  { group: "Places", to: "/targets", label: "Targets", icon: "target", words: "buckets storage s3 endpoint check browse", right: "read" },
  { group: "Administration", to: "/people", label: "People and groups", icon: "people", words: "users roles spaces rights", right: "administer" },
  { group: "Administration", to: "/settings", label: "Settings", icon: "settings", words: "webhooks keep days log level requests events hooks deliveries", right: "administer" },
  { group: "Administration", to: "/audit", label: "Audit", icon: "audit", words: "log history who did what", right: "administer" },
];
