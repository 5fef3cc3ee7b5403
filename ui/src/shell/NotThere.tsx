/** What stands where a link leads nowhere. */
import { LinkButton } from "~/parts/LinkButton";
import { Page } from "~/parts/Page";
import { Empty } from "~/parts/Standing";

export function NotThere() {
  return (
    <main><Page title="Nothing is here">
      <div className="panel">
        <Empty icon="search" title="There is no such screen" action={<LinkButton to="/" mt="sm">To the dashboard</LinkButton>}>
          The address may be misspelt, or what it led to was removed.
        </Empty>
      </div>
    </Page></main>
  );
}
