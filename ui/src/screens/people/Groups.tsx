/** Groups: their members, and what these may in the spaces of each name. */
import { Button, Group as Row, Modal, Select, Stack, Text, TextInput } from "@mantine/core";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { asked, hub, type Schemas } from "~/api/client";
import { groupsQuery, usersQuery, type Group } from "~/api/people";
import { spacesQuery } from "~/api/places";
import { plural } from "~/format/numbers";
import { Asking, Opens } from "~/parts/Asking";
import { Icon } from "~/parts/Icon";
import { Empty, tellDone, tellTrouble, Trouble, Waiting } from "~/parts/Standing";
import { Virtual } from "../job/Virtual";
import css from "./People.module.css";
import { grantsOf } from "./standing";

export function Groups() {
  const list = useInfiniteQuery(groupsQuery);
  const groups = useMemo(() => list.data?.pages.flatMap((page) => page.results) ?? [], [list.data]);
  const add = <Opens size="xs" icon={<Icon name="plus" size={14} />} dialog={(close) => <NewGroupDialog close={close} />}>Add a group</Opens>;
  if (list.isPending) return <Waiting />;
  if (!list.data) return <Trouble error={list.error} again={() => void list.refetch()} />;
  if (groups.length === 0) return <Empty icon="people" title="No group yet" action={add}>A group lets its members work in some spaces only: put members into it, and say what they may in the spaces of a name.</Empty>;
  return (
    <>
      <div className={css.bar}><span className="dim">{plural(list.data.pages[0]?.count ?? 0, "group")}</span><span style={{ marginLeft: "auto" }}>{add}</span></div>
      <Virtual rows={groups} height={46} label="Groups" heads={["Group", "Members", "May", "Actions"]} layout={css.grow} cells={cellsOf} more={list.hasNextPage ? () => void list.fetchNextPage() : undefined} busy={list.isFetchingNextPage} />
    </>
  );
}

const cellsOf = (group: Group) => [
  <strong key="n">{group.name}</strong>, group.members.length ? <span key="m" title={group.members.join(", ")}>{group.members.join(", ")}</span> : <span key="m" className="dim">none yet</span>,
  grantsOf(group) || <span key="g" className="dim">nothing yet</span>, <Asks key={`a ${group.name}`} group={group} />,
];

/** Tells what was done, and reads groups anew. */
function useSettled(): (told: string) => void {
  const client = useQueryClient();
  return (told) => {
    tellDone(told);
    void client.invalidateQueries({ queryKey: ["groups"] });
  };
}

function Asks({ group }: { group: Group }) {
  const settled = useSettled();
  return (
    <span className={css.asks}>
      <Opens size="compact-xs" label={`Change group ${group.name}`} dialog={(close) => <GroupDialog group={group} close={close} />}>Change</Opens>
      <Opens size="compact-xs" label={`Remove group ${group.name}`} dialog={(close) => (
        <Asking title={`Remove group ${group.name}`} verb="Remove it" danger about="Its members may no more in its spaces what it let them; they stay users." close={close}
          ask={() => asked(hub.DELETE("/api/auth/groups/{group}/", { params: { path: { group: group.name } } }))} done={() => (close(), settled(`Group ${group.name} was removed.`))} />
      )}>Remove</Opens>
    </span>
  );
}

function NewGroupDialog({ close }: { close: () => void }) {
  const [name, setName] = useState("");
  const settled = useSettled();
  return (
    <Asking title="Add a group" verb="Add the group" ready={name.trim() !== ""} close={close} ask={() => asked(hub.POST("/api/auth/groups/", { body: { name: name.trim() } }))} done={(group) => (settled(`Group ${group.name} was added.`), close())}>
      <TextInput label="Name" placeholder="genomics" required data-autofocus value={name} onChange={(event) => setName(event.currentTarget.value)} />
    </Asking>
  );
}

/** Each line is a change of its own, made at once. */
function GroupDialog({ group, close }: { group: Group; close: () => void }) {
  const settled = useSettled();
  const change = useMutation({ mutationFn: (one: { ask: () => Promise<unknown>; told: string }) => one.ask(), onSuccess: (_, { told }) => settled(told), onError: tellTrouble });
  const put = (told: string, ask: () => Promise<unknown>): void => change.mutate({ ask, told });
  const member = (user: string) => ({ params: { path: { group: group.name, user } } });
  const space = (name: string) => ({ params: { path: { group: group.name, space: name } } });
  return (
    <Modal opened onClose={close} title={`Group ${group.name}`} centered closeButtonProps={{ "aria-label": "Close" }}>
      <Stack>
        <Text fw={600} component="h3" size="sm" m={0}>Members</Text>
        <ul className={css.lines}>{group.members.map((user) => <li key={user}><span>{user}</span><Button size="compact-xs" variant="default" aria-label={`Take out ${user}`} onClick={() => put(`${user} left ${group.name}.`, () => asked(hub.DELETE("/api/auth/groups/{group}/members/{user}/", member(user))))}>Take out</Button></li>)}</ul>
        <AddMember group={group} add={(user) => put(`${user} is in ${group.name}.`, () => asked(hub.PUT("/api/auth/groups/{group}/members/{user}/", member(user))))} />
        <Text fw={600} component="h3" size="sm" m={0}>What they may in spaces</Text>
        <ul className={css.lines}>{Object.entries(group.spaces).map(([name, right]) => <li key={name}><span>{right} <strong>{name}</strong></span><Button size="compact-xs" variant="default" aria-label={`Withdraw ${name}`} onClick={() => put(`${group.name} may nothing in ${name} any more.`, () => asked(hub.DELETE("/api/auth/groups/{group}/spaces/{space}/", space(name))))}>Withdraw</Button></li>)}</ul>
        <AddGrant group={group} add={(name, right) => put(`${group.name} may ${right} ${name}.`, () => asked(hub.PUT("/api/auth/groups/{group}/spaces/{space}/", { ...space(name), body: { right } })))} />
        <Row justify="flex-end"><Button onClick={close}>Done</Button></Row>
      </Stack>
    </Modal>
  );
}

function AddMember({ group, add }: { group: Group; add: (user: string) => void }) {
  const users = useInfiniteQuery(usersQuery);
  const names = (users.data?.pages.flatMap((page) => page.results) ?? []).map((user) => user.name).filter((name) => !group.members.includes(name));
  return <Select searchable limit={100} aria-label="Put a user into it" placeholder="Put a user into it" data={names} value={null} onChange={(value) => value && add(value)} nothingFoundMessage="No other user" />;
}

function AddGrant({ group, add }: { group: Group; add: (space: string, right: Schemas["Grant"]) => void }) {
  const spaces = useQuery(spacesQuery);
  const [right, setRight] = useState<Schemas["Grant"]>("view");
  const names = [...new Set((spaces.data?.results ?? []).map((space) => space.name))].filter((name) => group.spaces[name] !== right);
  if (spaces.data?.count === 0) return <Text size="sm" c="dimmed">There is no space yet: add one under Spaces.</Text>;
  return (
    <Row gap="xs" wrap="nowrap">
      <Select w={140} aria-label="What they may" allowDeselect={false} data={["view", "administer"]} value={right} onChange={(value) => setRight((value ?? "view") as Schemas["Grant"])} />
      <Select style={{ flex: 1 }} searchable limit={100} aria-label="In the spaces of the name" placeholder="In the spaces of the name" data={names} value={null} onChange={(value) => value && add(value, right)} nothingFoundMessage="No other space" />
    </Row>
  );
}
