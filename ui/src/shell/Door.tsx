/** The frame of the pages that need nobody to be signed in. */
import { Paper, Text, Title } from "@mantine/core";
import { useEffect, type ReactNode } from "react";
import { Mark } from "./Shell";
import css from "./Door.module.css";

export function Door({ title, about, children }: { title: string; about: string; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Towpath`;
  }, [title]);
  return (
    <main className={css.door}>
      <div className={css.in}>
        <div className={css.brand}><Mark size={34} />Towpath</div>
        <Paper withBorder p="xl" radius="lg" className={css.card}>
          <Title order={1} mb={4}>{title}</Title>
          <Text c="dimmed" mb="lg">{about}</Text>
          {children}
        </Paper>
      </div>
    </main>
  );
}
