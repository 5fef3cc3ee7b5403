/** The frame of a screen: where one is, its name, and what can be done there. */
import { Group, Title } from "@mantine/core";
import { useEffect, type ReactNode } from "react";
import css from "./Page.module.css";

interface Framed {
  title: string;
  /** What stands behind the title: a state, a count. */
  beside?: ReactNode;
  /** Links to what it belongs to. */
  above?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

export function Page({ title, beside, above, actions, children }: Framed) {
  useEffect(() => {
    document.title = `${title} · Towpath`;
  }, [title]);
  return (
    <div className={css.page}>
      {above && <nav aria-label="Breadcrumb" className={css.above}>{above}</nav>}
      <header className={css.head}>
        <Group gap="sm" wrap="wrap"><Title order={1}>{title}</Title>{beside}</Group>
        {actions && <Group gap="xs">{actions}</Group>}
      </header>
      {children}
    </div>
  );
}

/** A part of a screen with a name. */
export function Panel({ title, actions, children, padded = false, id }: { title: string; actions?: ReactNode; children: ReactNode; padded?: boolean; id?: string }) {
  return (
    <section className="panel" aria-label={title} id={id}>
      <header><Title order={2}>{title}</Title>{actions}</header>
      {padded ? <div className="in">{children}</div> : children}
    </section>
  );
}
