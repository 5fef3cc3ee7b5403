/** The command palette: every screen, a job by its number, and what one does to the program itself. */
import { Spotlight, spotlight, type SpotlightActionData } from "@mantine/spotlight";
import { useMantineColorScheme } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import type { Me } from "~/api/queries";
import { Icon } from "~/parts/Icon";
import { ENTRIES } from "./nav";
import { useSignOut } from "./Shell";

export const openPalette = (): void => spotlight.open();

/** The job or task that somebody means: `12`, `#12`, `job 12`, `task 34`. */
export function numberMeant(query: string): { what: "job" | "task"; id: number } | undefined {
  const found = /^\s*(?:(job|task)\s*)?#?(\d{1,15})\s*$/i.exec(query);
  return found ? { what: found[1]?.toLowerCase() === "task" ? "task" : "job", id: Number(found[2]) } : undefined;
}

export function Palette({ me }: { me: Me }) {
  const navigate = useNavigate();
  const signOut = useSignOut();
  const { setColorScheme } = useMantineColorScheme();
  const [query, setQuery] = useState("");
  const meant = numberMeant(query);
  const actions: SpotlightActionData[] = [
    ...ENTRIES.filter((entry) => !entry.right || me.rights.includes(entry.right)).map((entry) => ({
      id: entry.label, label: entry.label, keywords: entry.words, leftSection: <Icon name={entry.icon} />,
      onClick: () => void navigate({ to: entry.to }),
    })),
    { id: "profile", label: "Profile", keywords: "password api keys sessions account", leftSection: <Icon name="key" />, onClick: () => void navigate({ to: "/profile" }) },
    { id: "light", label: "Light colours", keywords: "theme appearance", leftSection: <Icon name="sun" />, onClick: () => setColorScheme("light") },
    { id: "dark", label: "Dark colours", keywords: "theme appearance", leftSection: <Icon name="moon" />, onClick: () => setColorScheme("dark") },
    { id: "auto", label: "Colours of the system", keywords: "theme appearance", leftSection: <Icon name="system" />, onClick: () => setColorScheme("auto") },
    { id: "api", label: "API reference", keywords: "docs openapi", leftSection: <Icon name="book" />, onClick: () => void window.open("/api/docs", "_blank", "noreferrer") },
    ...(me.via === "session" ? [{ id: "out", label: "Sign out", leftSection: <Icon name="out" />, onClick: signOut }] : []),
  ];
  if (meant) {
    const go = meant.what === "job"
      ? () => void navigate({ to: "/jobs/$job", params: { job: String(meant.id) }, search: {} })
      : () => void navigate({ to: "/tasks/$task", params: { task: String(meant.id) } });
    actions.unshift({ id: "meant", label: `Open ${meant.what} ${meant.id}`, keywords: query, leftSection: <Icon name="jobs" />, onClick: go });
  }
  return (
    <Spotlight actions={actions} query={query} onQueryChange={setQuery} shortcut={["mod + K", "/"]} highlightQuery scrollable maxHeight={420}
      nothingFound="Nothing of that name" searchProps={{ placeholder: "A screen, a command, or the number of a job", leftSection: <Icon name="search" />, "aria-label": "Search and commands" }} />
  );
}
