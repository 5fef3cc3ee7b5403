/** The workflows of this hub. */
import { FileButton, Button, Group, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import { asked, hub } from "~/api/client";
import { sessionQuery, workflowsQuery, type Workflow } from "~/api/queries";
import { count, plural } from "~/format/numbers";
import { Icon } from "~/parts/Icon";
import { LinkButton } from "~/parts/LinkButton";
import { Page } from "~/parts/Page";
import { TYPED } from "~/parts/SiteSelect";
import { Empty, tellDone, Trouble, Waiting } from "~/parts/Standing";
import { Virtual } from "../job/Virtual";
import { fieldsOf, rulesOf } from "./definition";
import { Marks } from "./Marks";
import css from "./Workflows.module.css";

export function Workflows({ words, say }: { words: string; say: (words: string) => void }) {
  const [typed] = useDebouncedValue(words.trim(), TYPED);
  const list = useInfiniteQuery(workflowsQuery(typed));
  const me = useQuery(sessionQuery).data;
  const mayDefine = me?.rights.includes("administer") ?? false;
  const rows = useMemo(() => list.data?.pages.flatMap((page) => page.results) ?? [], [list.data]);
  const all = list.data?.pages[0]?.count ?? 0;
  const take = useImport();
  return (
    <Page title="Workflows" beside={list.data && <span className="dim">{count(all)}</span>} actions={mayDefine && <><ImportButton take={take.mutate} busy={take.isPending} /><LinkButton to="/define" leftSection={<Icon name="plus" size={15} />}>New workflow</LinkButton></>}>
      {take.error && <Trouble error={take.error} />}
      <section className="panel" aria-label="Workflows" style={{ overflow: "hidden" }}>
        {list.isPending ? <Waiting rows={8} /> : !list.data ? <Trouble error={list.error} again={() => void list.refetch()} />
          : all === 0 && typed === "" && words === "" ? <Empty icon="workflow" title="There is no workflow" action={mayDefine && <LinkButton to="/define" mt="sm">Define one</LinkButton>}>A workflow says which paths go down which chain of steps. The installed ones come back when the hub starts.</Empty>
          : (
            <>
              <header className={css.tools}><TextInput size="xs" w={280} aria-label="Find a workflow" placeholder="Find by name or label" leftSection={<Icon name="search" size={14} />} value={words} onChange={(event) => say(event.currentTarget.value)} /><span className="dim" role="status">{words && plural(all, "workflow")}</span></header>
              {rows.length === 0 ? <Empty icon="search" title="No workflow fits" action={<Button variant="default" size="xs" onClick={() => say("")}>Show all</Button>} />
                : <Virtual rows={rows} height={46} label="Workflows" heads={["Name", "What it does", "Steps", "Asks for", "Version", "Kind"]} right={["Kind"]} layout={css.wrow} cells={cellsOf} more={list.hasNextPage ? () => void list.fetchNextPage() : undefined} busy={list.isFetchingNextPage} />}
            </>
          )}
      </section>
    </Page>
  );
}

/** Takes a file as the hub takes it: what is wrong with it is told with its places. */
function useImport() {
  const client = useQueryClient();
  const navigate = useNavigate();
  return useMutation({
    mutationFn: async (file: File) => asked(hub.POST("/api/workflows/import/", { headers: { "Content-Type": "application/yaml" }, body: (await file.text()) as never, bodySerializer: (text) => text as never })),
    onSuccess: async (made) => {
      await client.invalidateQueries({ queryKey: ["workflows"] });
      tellDone(`Workflow ${made.name} is kept as version ${made.version}.`);
      await navigate({ to: "/workflows/$name", params: { name: made.name }, search: {} });
    },
  });
}

function ImportButton({ take, busy }: { take: (file: File) => void; busy: boolean }) {
  return (
    <FileButton accept=".yaml,.yml,.json" onChange={(file) => file && take(file)} inputProps={{ "aria-label": "File of a workflow" }}>
      {(props) => <Button {...props} variant="default" loading={busy} leftSection={<Icon name="down" size={15} />}>Import</Button>}
    </FileButton>
  );
}

const cellsOf = (one: Workflow) => {
  const rules = rulesOf(one.definition);
  const chains = [...new Set(rules.map((rule) => rule.action.map((use) => use.name).join(" → ")))].join(", ");
  const fields = fieldsOf(one.definition);
  const must = fields.filter((field) => field.required).length;
  return [
    <Link key="n" to="/workflows/$name" params={{ name: one.name }} search={{}} title={one.name}>{one.name}</Link>,
    <span key="l" title={one.label}>{one.label}</span>,
    <span key="s" title={chains}>{chains}</span>,
    <span key="f" className="dim">{fields.length === 0 ? "nothing" : `${plural(fields.length, "field")}${must ? `, ${count(must)} required` : ""}`}</span>,
    String(one.version),
    <Group key="m" gap={4} wrap="nowrap" justify="flex-end"><Marks workflow={one} /></Group>,
  ];
};
