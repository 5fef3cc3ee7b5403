/** A dialog that sends a test, waits for what became of it, and says so. */
import { Alert, Button, Group, Loader, Modal, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Icon } from "./Icon";
import { Trouble } from "./Standing";

export interface Became {
  state: "waiting" | "delivered" | "given up";
  /** What was answered, or why it was not taken. */
  said: string;
}

const LOOK_EVERY = 700;

/** `send` gives the number of what was sent, `look` how that stands; `about` tells one test from another. */
export function Trying({ title, about, send, look, close }: { title: string; about: readonly unknown[]; send: () => Promise<number>; look: (number: number) => Promise<Became | undefined>; close: () => void }) {
  const sent = useQuery({ queryKey: ["trying", ...about], queryFn: send, staleTime: Infinity, gcTime: 0, retry: false, refetchOnWindowFocus: false, refetchOnReconnect: false });
  const became = useQuery({
    queryKey: ["trying", ...about, sent.data],
    enabled: sent.data !== undefined,
    gcTime: 0,
    queryFn: async () => (await look(sent.data ?? 0)) ?? null,
    refetchInterval: (query) => (query.state.data && query.state.data.state !== "waiting" ? false : LOOK_EVERY),
  });
  const over = became.data && became.data.state !== "waiting" ? became.data : undefined;
  const error = sent.error ?? became.error;
  return (
    <Modal opened onClose={close} title={title} centered closeButtonProps={{ "aria-label": "Close" }}>
      <Stack aria-live="polite">
        {error ? <Trouble error={error} /> : !over ? <Group gap="sm"><Loader size="sm" /><Text>A test is on its way…</Text></Group>
          : over.state === "delivered" ? <Alert color="green" variant="light" icon={<Icon name="check" />} title={<span data-tried="delivered">It was taken</span>}>{over.said}</Alert>
          : <Alert color="red" variant="light" icon={<Icon name="warning" />} title={<span data-tried="given up">It was not taken</span>}>{over.said}</Alert>}
        <Group justify="flex-end"><Button onClick={close}>Done</Button></Group>
      </Stack>
    </Modal>
  );
}
