/** A dialog that asks for what a change needs, makes it, and shows a refusal beside what was asked. */
import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState, type FormEvent, type ReactNode } from "react";
import { Trouble } from "./Standing";

interface Asked<T> {
  title: string;
  about?: ReactNode;
  /** What the button says. */
  verb: string;
  danger?: boolean;
  /** Makes the change. */
  ask: () => Promise<T>;
  /** What follows: it tells, reads anew, and closes. */
  done: (made: T) => void;
  close: () => void;
  /** Whether what is asked for is whole. */
  ready?: boolean;
  children?: ReactNode;
}

export function Asking<T>({ title, about, verb, danger = false, ask, done, close, ready = true, children }: Asked<T>) {
  const change = useMutation({ mutationFn: ask, onSuccess: done });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (ready) change.mutate();
  };
  return (
    <Modal opened onClose={close} title={title} centered closeButtonProps={{ "aria-label": "Close" }}>
      <form onSubmit={submit}>
        <Stack>
          {about && <Text size="sm" c="dimmed" component="div">{about}</Text>}
          {children}
          {change.error && <div style={{ margin: "0 calc(-1 * var(--mantine-spacing-md))" }}><Trouble error={change.error} /></div>}
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>Leave it</Button>
            <Button type="submit" color={danger ? "red.9" : undefined} loading={change.isPending} disabled={!ready}>{verb}</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

/** A button that opens a dialog, which stands only while it is open: each time it begins anew. */
export function Opens({ children, dialog, label, size = "sm", variant = "default", icon }: {
  children: ReactNode; dialog: (close: () => void) => ReactNode; label?: string; size?: "compact-xs" | "xs" | "sm"; variant?: "default" | "filled" | "subtle"; icon?: ReactNode;
}) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button size={size} variant={variant} leftSection={icon} aria-label={label} aria-haspopup="dialog" onClick={() => setOpen(true)}>{children}</Button>
      {open && dialog(() => setOpen(false))}
    </>
  );
}
