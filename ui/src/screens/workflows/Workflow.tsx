/** One workflow: which paths go down which chain, what it asks, and how it became what it is. */
import { Alert, Button, Group, Menu, Modal, Stack, Tabs, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useRef, useState } from "react";
import { asked, hub } from "~/api/client";
import { sessionQuery, workflowQuery, type Workflow as Shown } from "~/api/queries";
import { count } from "~/format/numbers";
import { Icon } from "~/parts/Icon";
import { LinkButton } from "~/parts/LinkButton";
import { Page } from "~/parts/Page";
import { Empty, tellDone, tellTrouble, Trouble, Waiting } from "~/parts/Standing";
import { fieldsOf, rulesOf, type Field } from "./definition";
import { Marks } from "./Marks";
import { Rules } from "./Rules";
import type { Tab, WorkflowSearch } from "./search";
import { NOTHING } from "./trying";
import { Versions } from "./Versions";
import { useWhich, Which } from "./Which";
import css from "./Workflows.module.css";

const Trial = lazy(() => import("./Trial"));

export function Workflow({ name, search, choose }: { name: string; search: WorkflowSearch; choose: (search: WorkflowSearch) => void }) {
  const found = useQuery(workflowQuery(name));
  const above = <Link to="/workflows" search={{}}>Workflows</Link>;
  if (found.isPending) return <Page title={name} above={above}><div className="panel"><Waiting /></div></Page>;
  if (!found.data) return <Page title={name} above={above}><div className="panel"><Trouble error={found.error} again={() => void found.refetch()} /></div></Page>;
  const workflow = found.data;
  const rules = rulesOf(workflow.definition);
  const fields = fieldsOf(workflow.definition);
  return (
    <Page title={name} above={above} beside={<><Text c="dimmed">{workflow.label !== name && workflow.label}</Text><Marks workflow={workflow} /></>} actions={<Actions workflow={workflow} />}>
      {workflow.warnings.length > 0 && <Alert color="yellow" variant="light" styles={{ root: { background: "var(--tow-warn-soft)" }, title: { color: "var(--tow-warn)" } }} icon={<Icon name="warning" />} title="It works, but perhaps not as meant">{workflow.warnings.map((one) => <Text size="sm" key={one}>{one}</Text>)}</Alert>}
      <Tabs value={search.tab ?? "rules"} onChange={(tab) => choose({ tab: tab as Tab })} keepMounted={false} className="panel">
        <Tabs.List>
          <Tabs.Tab value="rules">Rules <span className="dim">{count(rules.length)}</span></Tabs.Tab>
          <Tabs.Tab value="fields">Asks <span className="dim">{count(fields.length)}</span></Tabs.Tab>
          <Tabs.Tab value="versions">Versions <span className="dim">{count(workflow.version)}</span></Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="rules"><Sorting definition={workflow.definition} /></Tabs.Panel>
        <Tabs.Panel value="fields"><Fields fields={fields} /></Tabs.Panel>
        <Tabs.Panel value="versions"><Versions name={name} search={search} choose={choose} /></Tabs.Panel>
      </Tabs>
    </Page>
  );
}

/** The rules, and a path to try them with. */
function Sorting({ definition }: { definition: Shown["definition"] }) {
  const [tried, setTried] = useState(NOTHING);
  const which = useWhich(definition, tried);
  const here = useRef<HTMLDivElement>(null);
  return (
    <div className={css.sorting} ref={here}>
      <Rules rules={rulesOf(definition)} discovery={definition.discovery} sorted={which.sorted} />
      <Which tried={tried} put={(more) => setTried({ ...tried, ...more })} sorted={which.sorted} error={which.error} go={(rule) => here.current?.querySelector(`[data-rule="${rule}"]`)?.scrollIntoView({ block: "center" })} />
    </div>
  );
}

function Actions({ workflow }: { workflow: Shown }) {
  const rights = useQuery(sessionQuery).data?.rights ?? [];
  const [leaving, setLeaving] = useState(false);
  const [trying, setTrying] = useState(false);
  const to = (format: string): string => `/api/workflows/${workflow.name}/export/?format=${format}`;
  return (
    <>
      {rights.includes("administer") && <Button variant="default" leftSection={<Icon name="close" size={15} />} onClick={() => setLeaving(true)}>Delete</Button>}
      <Menu position="bottom-end">
        <Menu.Target><Button variant="default" leftSection={<Icon name="down" size={15} />}>Export</Button></Menu.Target>
        <Menu.Dropdown>{["yaml", "json"].map((format) => <Menu.Item key={format} component="a" href={to(format)} download={`${workflow.name}.${format}`}>{format.toUpperCase()}</Menu.Item>)}</Menu.Dropdown>
      </Menu>
      {rights.includes("administer") && <LinkButton to="/workflows/$name/edit" params={{ name: workflow.name }} search={{}} variant="default" leftSection={<Icon name="settings" size={15} />}>Edit</LinkButton>}
      {rights.includes("run") && workflow.enabled && <Button variant="default" leftSection={<Icon name="search" size={15} />} onClick={() => setTrying(true)}>Dry run</Button>}
      {rights.includes("run") && workflow.enabled && <LinkButton to="/files" search={{ run: workflow.name }} leftSection={<Icon name="play" size={15} />}>Run</LinkButton>}
      {trying && <Suspense><Trial workflow={workflow} close={() => setTrying(false)} /></Suspense>}
      {leaving && <Delete workflow={workflow} close={() => setLeaving(false)} />}
    </>
  );
}

function Delete({ workflow, close }: { workflow: Shown; close: () => void }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const remove = useMutation({
    mutationFn: () => asked(hub.DELETE("/api/workflows/{name}/", { params: { path: { name: workflow.name } } })),
    onSuccess: async () => {
      tellDone(`Workflow ${workflow.name} was deleted.`);
      await navigate({ to: "/workflows", search: {} });
      await client.invalidateQueries({ queryKey: ["workflows", {}] });
    },
    onError: tellTrouble,
  });
  return (
    <Modal opened onClose={close} title={`Delete ${workflow.name}`} centered>
      <Stack>
        <Text size="sm" c="dimmed">No new job can run it. Jobs that did keep their version, and go on with it.</Text>
        <Group justify="flex-end"><Button variant="default" onClick={close} data-autofocus>Leave it</Button><Button color="red.9" loading={remove.isPending} onClick={() => remove.mutate()}>Delete {workflow.name}</Button></Group>
      </Stack>
    </Modal>
  );
}

function Fields({ fields }: { fields: readonly Field[] }) {
  if (fields.length === 0) return <Empty icon="check" title="It asks nothing">A field is what whoever runs it may or must say; a step takes its value as <span className="mono">"*name"</span>.</Empty>;
  return (
    <div className="scroll" tabIndex={0} role="group" aria-label="What it asks">
      <table className="plain">
        <thead><tr><th>Field</th><th>What it is</th><th>Takes</th><th>Where left out</th></tr></thead>
        <tbody>{fields.map((field) => (
          <tr key={field.name}>
            <td className="mono nowrap">{field.name}</td><td>{field.label}</td>
            <td>{{ string: "text", int: "a number", bool: "yes or no", choice: field.choices.join(", "), enum: "a site" }[field.type]}</td>
            <td className={css.default}>{field.required ? <strong>required</strong> : field.default === null ? <span className="dim">as it comes</span> : field.type === "bool" ? (field.default ? "yes" : "no") : field.default === "" ? <span className="dim">nothing</span> : <span className="mono">{String(field.default)}</span>}</td>
          </tr>
        ))}</tbody>
      </table>
    </div>
  );
}
