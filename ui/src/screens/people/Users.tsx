/** Users: added, given a role, blocked, let try again, and given a link with which they set a password. */
import { Button, Select, Text, TextInput } from "@mantine/core";
import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { asked, hub, type Schemas } from "~/api/client";
import { usersQuery, type Role, type User } from "~/api/people";
import { count } from "~/format/numbers";
import { duration } from "~/format/times";
import { Asking, Opens } from "~/parts/Asking";
import { Icon } from "~/parts/Icon";
import { Once } from "~/parts/Once";
import { Time, useNow } from "~/parts/Shown";
import { Empty, tellDone, tellTrouble, Trouble, Waiting } from "~/parts/Standing";
import { Tag } from "~/parts/Tag";
import { Virtual } from "../job/Virtual";
import css from "./People.module.css";
import { fits, linkOf, ROLE_MEANT, ROLES, standingOf } from "./standing";

export function Users() {
  const list = useInfiniteQuery(usersQuery);
  const users = useMemo(() => list.data?.pages.flatMap((page) => page.results) ?? [], [list.data]);
  const [words, setWords] = useState("");
  const shown = useMemo(() => users.filter((user) => fits(words, user.name, user.role)), [users, words]);
  return (
    <>
      <div className={css.bar}>
        <TextInput size="xs" w={240} aria-label="Users by name or role" placeholder="Name or role" leftSection={<Icon name="search" size={14} />} value={words} onChange={(event) => setWords(event.currentTarget.value)} />
        <span className="dim">{list.data && count(list.data.pages[0]?.count ?? 0)}{list.hasNextPage && words && `, of which the first ${count(users.length)} were searched`}</span>
        {list.data && <span style={{ marginLeft: "auto" }}><Opens size="xs" icon={<Icon name="plus" size={14} />} dialog={(close) => <NewUserDialog close={close} />}>Add a user</Opens></span>}
      </div>
      {list.isPending ? <Waiting /> : !list.data ? <Trouble error={list.error} again={() => void list.refetch()} />
        : shown.length === 0 ? <Empty icon="people" title="Nobody of that name">{list.hasNextPage ? "Only a part of all users was searched: scroll on without words to read more." : "Other words may fit."}</Empty>
        : <Virtual rows={shown} height={46} label="Users" heads={["Name", "Role", "Standing", "Signed in", "Made", "Actions"]} layout={css.urow} cells={cellsOf} more={list.hasNextPage ? () => void list.fetchNextPage() : undefined} busy={list.isFetchingNextPage} />}
    </>
  );
}

const cellsOf = (user: User) => [
  <strong key="n" data-user={user.name}>{user.name}</strong>, <span key="r" title={ROLE_MEANT[user.role]}>{user.role}</span>, <Standing key="s" user={user} />,
  <Time key="i" at={user.signed_in_at} none="never" />, <Time key="m" at={user.created_at} />, <Asks key={`a ${user.name}`} user={user} />,
];

const Standing = ({ user }: { user: User }) => <Tag {...standingOf(user, useNow())} />;

/** Tells what was done, and reads users anew. */
function useSettled(): (told: string) => void {
  const client = useQueryClient();
  return (told) => {
    tellDone(told);
    void client.invalidateQueries({ queryKey: ["users"] });
  };
}

function Asks({ user }: { user: User }) {
  const settled = useSettled();
  const now = useNow();
  const [link, setLink] = useState<Schemas["Link"]>();
  const params = { path: { name: user.name } };
  const make = useMutation({ mutationFn: () => asked(hub.POST("/api/auth/users/{name}/link/", { params })), onSuccess: setLink, onError: tellTrouble });
  const unlock = useMutation({ mutationFn: () => asked(hub.POST("/api/auth/users/{name}/unlock/", { params })), onSuccess: () => settled(`${user.name} may try again.`), onError: tellTrouble });
  const locked = user.locked_until !== null && Date.parse(user.locked_until) > now.getTime();
  return (
    <span className={css.asks}>
      {locked && <Button size="compact-xs" variant="default" aria-label={`Unlock ${user.name}`} loading={unlock.isPending} onClick={() => unlock.mutate()}>Unlock</Button>}
      {!user.disabled && <Button size="compact-xs" variant="default" aria-label={user.has_password ? `Reset the password of ${user.name}` : `Link for ${user.name}`} loading={make.isPending} onClick={() => make.mutate()}>{user.has_password ? "Reset" : "Link"}</Button>}
      <Opens size="compact-xs" label={`Role of ${user.name}`} dialog={(close) => <RoleDialog user={user} close={close} />}>Role</Opens>
      <Opens size="compact-xs" label={`${user.disabled ? "Let in" : "Block"} ${user.name}`} dialog={(close) => <BlockDialog user={user} close={close} />}>{user.disabled ? "Let in" : "Block"}</Opens>
      {link && <Once title={`A link for ${user.name}`} close={() => setLink(undefined)} about={`There ${user.name} sets a password, once, within ${duration(link.seconds * 1000)}. Whoever has the link can: give it to nobody else. The password of now holds until then.`} secrets={[{ name: "Link", text: linkOf(location.origin, link.code) }]} />}
    </span>
  );
}

function RoleChoice({ role, set }: { role: Role; set: (role: Role) => void }) {
  return <><Select label="Role" allowDeselect={false} data={[...ROLES]} value={role} onChange={(value) => set((value ?? role) as Role)} /><Text size="sm" c="dimmed">May {ROLE_MEANT[role]}.</Text></>;
}

function NewUserDialog({ close }: { close: () => void }) {
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const settled = useSettled();
  return (
    <Asking title="Add a user" verb="Add the user" ready={name.trim() !== ""} close={close} about="Then make a link for them: with it they set their password themselves."
      ask={() => asked(hub.POST("/api/auth/users/", { body: { name: name.trim(), role } }))} done={(user) => (settled(`${user.name} was added.`), close())}>
      <TextInput label="Name" required data-autofocus value={name} onChange={(event) => setName(event.currentTarget.value)} />
      <RoleChoice role={role} set={setRole} />
    </Asking>
  );
}

function RoleDialog({ user, close }: { user: User; close: () => void }) {
  const [role, setRole] = useState(user.role);
  const settled = useSettled();
  return (
    <Asking title={`Role of ${user.name}`} verb="Set the role" ready={role !== user.role} close={close} about="It holds from their next call on. One administrator is always left."
      ask={() => asked(hub.PATCH("/api/auth/users/{name}/", { params: { path: { name: user.name } }, body: { role } }))} done={() => (settled(`${user.name} is ${role}.`), close())}>
      <RoleChoice role={role} set={setRole} />
    </Asking>
  );
}

function BlockDialog({ user, close }: { user: User; close: () => void }) {
  const settled = useSettled();
  const verb = user.disabled ? `Let ${user.name} in` : `Block ${user.name}`;
  return (
    <Asking title={verb} verb={verb} danger={!user.disabled} close={close} about={user.disabled ? "They may again what their role and groups may." : "From their next call on they may do nothing, and none of their keys or sessions opens anything. Their jobs go on."}
      ask={() => asked(hub.PATCH("/api/auth/users/{name}/", { params: { path: { name: user.name } }, body: { disabled: !user.disabled } }))} done={() => (settled(`${user.name} is ${user.disabled ? "let in" : "blocked"}.`), close())} />
  );
}
