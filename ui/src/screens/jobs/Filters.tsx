/** The filters over the list of jobs: each stands in the address, so that a link shows what its sender saw. */
import { ActionIcon, Button, Checkbox, Group, Menu, Popover, Select, Stack, TextInput } from "@mantine/core";
import { useState } from "react";
import type { Schemas } from "~/api/client";
import { ALL_JOB_STATES } from "~/api/states";
import { brief } from "~/format/numbers";
import { Icon } from "~/parts/Icon";
import { StateMark, wordOf } from "~/parts/State";
import css from "./Jobs.module.css";
import { keepViews, readViews, type JobsSearch } from "./search";

interface Choosing {
  search: JobsSearch;
  stats: Schemas["Stats"] | null | undefined;
  choose: (search: JobsSearch) => void;
}

export function Filters({ search, stats, choose }: Choosing) {
  const put = (more: Partial<JobsSearch>): void => choose({ ...search, ...more });
  return (
    <div className={css.filters}>
      <States search={search} stats={stats} choose={choose} />
      <Group gap="xs" ml="auto">
        {(["workflow", "site"] as const).map((name) => (
          <Select key={name} size="xs" w={150} clearable searchable aria-label={`Jobs of ${name}`} placeholder={name === "site" ? "Any site" : "Any workflow"} value={search[name] ?? null}
            data={[...new Set([...Object.keys(stats?.[name] ?? {}), ...(search[name] ? [search[name]] : [])])]} onChange={(value) => put({ [name]: value ?? undefined })}
            clearButtonProps={{ "aria-label": `Any ${name}` }} />
        ))}
        <More search={search} stats={stats} choose={choose} />
        <Views search={search} choose={choose} />
      </Group>
    </div>
  );
}

function States({ search, stats, choose }: Choosing) {
  const all = Object.values(stats?.state ?? {}).reduce((sum, one) => sum + one, 0);
  const shown = ALL_JOB_STATES.filter((state) => (stats?.state[state] ?? 0) > 0 || search.state === state);
  return (
    <div className={css.states} role="group" aria-label="State">
      <button type="button" aria-pressed={!search.state} onClick={() => choose({ ...search, state: undefined })}>All<span>{brief(all)}</span></button>
      {shown.map((state) => (
        <button type="button" key={state} aria-pressed={search.state === state} onClick={() => choose({ ...search, state })}>
          <StateMark state={state} />{wordOf(state)}<span>{brief(stats?.state[state] ?? 0)}</span>
        </button>
      ))}
    </div>
  );
}

function More({ search, stats, choose }: Choosing) {
  const put = (more: Partial<JobsSearch>): void => choose({ ...search, ...more });
  const used = [search.owner, search.queue, search.space, search.created_from, search.created_to, search.hide_noop].filter(Boolean).length;
  return (
    <Popover position="bottom-end" trapFocus withinPortal>
      <Popover.Target>
        <Button size="xs" variant="default" leftSection={<Icon name="filter" size={14} />}>More{used ? ` (${used})` : ""}</Button>
      </Popover.Target>
      <Popover.Dropdown>
        <Stack gap="xs" w={230}>
          {(["owner", "queue", "space"] as const).map((name) => (
            <Select key={name} size="xs" label={{ owner: "Started by", queue: "Queue", space: "Space" }[name]} placeholder="Any" clearable searchable comboboxProps={{ withinPortal: false }} value={search[name] ?? null}
              data={Object.keys(stats?.[name] ?? {}).filter(Boolean)} onChange={(value) => put({ [name]: value ?? undefined })} clearButtonProps={{ "aria-label": "Any" }} />
          ))}
          <TextInput size="xs" type="date" label="Submitted from" value={search.created_from ?? ""} onChange={(event) => put({ created_from: event.currentTarget.value || undefined })} />
          <TextInput size="xs" type="date" label="until" value={search.created_to ?? ""} onChange={(event) => put({ created_to: event.currentTarget.value || undefined })} />
          <Checkbox size="xs" label="Hide jobs that found nothing" checked={search.hide_noop ?? false} onChange={(event) => put({ hide_noop: event.currentTarget.checked || undefined })} />
          <Button size="xs" variant="subtle" onClick={() => choose({})}>Clear all filters</Button>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}

function Views({ search, choose }: Omit<Choosing, "stats">) {
  const [views, setViews] = useState(() => readViews());
  const [name, setName] = useState("");
  const put = (next: typeof views): void => {
    keepViews(next);
    setViews(next);
  };
  return (
    <Menu position="bottom-end" closeOnItemClick={false} width={240}>
      <Menu.Target><Button size="xs" variant="default" leftSection={<Icon name="star" size={14} />}>Views</Button></Menu.Target>
      <Menu.Dropdown>
        <Menu.Item closeMenuOnClick onClick={() => choose({ state: "FAILURE" })}>What failed</Menu.Item>
        {views.map((view) => (
          <Group key={view.name} gap={0} wrap="nowrap">
            <Menu.Item closeMenuOnClick onClick={() => choose(view.search)}>{view.name}</Menu.Item>
            <ActionIcon variant="subtle" color="gray" aria-label={`Forget the view ${view.name}`} onClick={() => put(views.filter((one) => one !== view))}><Icon name="close" size={14} /></ActionIcon>
          </Group>
        ))}
        <Menu.Divider />
        <Group gap="xs" p="xs" wrap="nowrap">
          <TextInput size="xs" aria-label="Name of the view" placeholder="Keep these filters as…" value={name} onChange={(event) => setName(event.currentTarget.value)} />
          <Button size="xs" variant="light" disabled={!name.trim()} onClick={() => (put([...views.filter((one) => one.name !== name.trim()), { name: name.trim(), search }]), setName(""))}>Keep</Button>
        </Group>
      </Menu.Dropdown>
    </Menu>
  );
}
