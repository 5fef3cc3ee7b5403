/** What surrounds every screen of somebody who is signed in: menu, palette, link to the hub, account. */
import { ActionIcon, AppShell, Burger, Group, Kbd, Menu, Text, UnstyledButton, useMantineColorScheme } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useRef, type ReactNode } from "react";
import { asked, hub, useToken } from "~/api/client";
import type { Me } from "~/api/queries";
import { standingQuery } from "~/api/telling";
import { useLink } from "~/live/Live";
import { Icon } from "~/parts/Icon";
import { tellTrouble } from "~/parts/Standing";
import { ENTRIES } from "./nav";
import { Palette, openPalette } from "./Palette";
import css from "./Shell.module.css";

export function Shell({ me, children }: { me: Me; children: ReactNode }) {
  const [opened, { toggle, close }] = useDisclosure();
  return (
    <AppShell navbar={{ width: 224, breakpoint: "sm", collapsed: { mobile: !opened } }} header={{ height: 52 }} layout="alt" padding={0}>
      <a href="#main" className="skip">To the content</a>
      <AppShell.Header className={css.head}>
        <Burger opened={opened} onClick={toggle} hiddenFrom="sm" size="sm" aria-label="Menu" />
        <UnstyledButton className={css.search} onClick={openPalette}>
          <Icon name="search" size={16} /><span>Go to a job, a screen, a command…</span><Kbd size="xs">Ctrl K</Kbd>
        </UnstyledButton>
        <Group gap="sm" ml="auto" wrap="nowrap"><Heard /><Account me={me} /></Group>
      </AppShell.Header>
      <AppShell.Navbar className={css.nav} aria-label="Screens">
        <Group justify="space-between" className={css.brand}>
          <Link to="/" onClick={close}><Mark />Towpath</Link>
          <ActionIcon variant="subtle" color="gray" hiddenFrom="sm" onClick={close} aria-label="Close the menu"><Icon name="close" /></ActionIcon>
        </Group>
        <Entries me={me} close={close} />
        <a className={css.entry} href="/api/docs" target="_blank" rel="noreferrer"><Icon name="book" />API reference</a>
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1} className={css.main}>{children}</AppShell.Main>
      <Palette me={me} />
    </AppShell>
  );
}

export function Mark({ size = 26 }: { size?: number }) {
  return <img src="/icon.svg" width={size} height={size} alt="" />;
}

function Entries({ me, close }: { me: Me; close: () => void }) {
  const mine = ENTRIES.filter((entry) => !entry.right || me.rights.includes(entry.right));
  return (
    <div className={css.entries}>
      {[...new Set(mine.map((entry) => entry.group))].map((group) => (
        <div key={group}>
          <Text component="h2" className={css.group}>{group}</Text>
          {mine.filter((entry) => entry.group === group).map((entry) => (
            <Link key={entry.label} to={entry.to} className={css.entry} onClick={close} activeOptions={{ exact: entry.to === "/" }} activeProps={{ className: css.here }}>
              <Icon name={entry.icon} />{entry.label}{entry.counts && <Standing />}
            </Link>
          ))}
        </div>
      ))}
    </div>
  );
}

/** How many alerts stand of which people are told: nothing where there is none. */
function Standing() {
  const standing = useQuery(standingQuery).data?.results.filter((alert) => !alert.muted) ?? [];
  if (standing.length === 0) return null;
  const grave = standing.some((alert) => alert.severity === "critical");
  return <span className={`${css.standing} ${grave ? css.grave : ""}`} aria-label={`${standing.length} standing`} role="img" data-standing={standing.length}>{standing.length > 99 ? "99+" : standing.length}</span>;
}

/** Only what is wrong is told: a hub that is heard needs no word. */
function Heard() {
  const link = useLink();
  return (
    <span className={css.heard} role="status" data-link={link}>
      {link === "away" && <><Icon name="warning" size={15} /><span>The hub is away; trying again</span></>}
    </span>
  );
}

/** Says to the hub that this ends, and forgets all that was read. */
export function useSignOut(): () => void {
  const client = useQueryClient();
  const navigate = useNavigate();
  const out = useMutation({
    mutationFn: () => asked(hub.DELETE("/api/auth/session/")),
    onSuccess: async () => {
      useToken("");
      client.clear();
      client.setQueryData(["session"], null);
      await navigate({ to: "/sign-in", search: {} });
    },
    onError: tellTrouble,
  });
  return () => out.mutate();
}

function Account({ me }: { me: Me }) {
  const signOut = useSignOut();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Menu position="bottom-end" width={210}>
      <Menu.Target>
        <UnstyledButton className={css.account} aria-label={`Account of ${me.user}`}>
          <span className={css.face} aria-hidden="true" data-letter={me.user.slice(0, 1).toUpperCase()} /><span className={css.name}>{me.user}</span>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{me.user}, {me.role}</Menu.Label>
        <Menu.Item component={Link} to="/profile" leftSection={<Icon name="key" size={16} />}>Profile and API keys</Menu.Item>
        {(["auto", "light", "dark"] as const).map((scheme) => (
          <Menu.Item key={scheme} onClick={() => setColorScheme(scheme)} leftSection={<Icon name={scheme === "auto" ? "system" : scheme === "light" ? "sun" : "moon"} size={16} />}
            rightSection={colorScheme === scheme ? <Icon name="check" size={14} /> : undefined}>
            {scheme === "auto" ? "As the system" : scheme === "light" ? "Light" : "Dark"}
          </Menu.Item>
        ))}
        {me.via === "session" && <><Menu.Divider /><Menu.Item leftSection={<Icon name="out" size={16} />} onClick={signOut}>Sign out</Menu.Item></>}
      </Menu.Dropdown>
    </Menu>
  );
}

/** After a step to another screen a reader begins at its top, not where the last one was left. */
export function useFocusOnMove(path: string): void {
  const first = useRef(true);
  useEffect(() => {
    if (!first.current) document.getElementById("main")?.focus({ preventScroll: true });
    first.current = false;
  }, [path]);
}
