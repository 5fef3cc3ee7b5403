/** A secret that is shown this once, to be copied. */
import { Button, CopyButton, Group, Modal, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { Icon } from "./Icon";

export function Once({ title, about, secrets, close, children }: {
  title: string; about: ReactNode; secrets: readonly { name: string; text: string }[]; close: () => void; children?: ReactNode;
}) {
  return (
    <Modal opened onClose={close} title={title} centered size="lg" closeOnClickOutside={false} closeButtonProps={{ "aria-label": "Close" }}>
      <Stack>
        <Text size="sm" c="dimmed" component="div">{about}</Text>
        {secrets.map((secret) => <Copied key={secret.name} {...secret} />)}
        {children}
        <Group justify="flex-end"><Button onClick={close}>I have it</Button></Group>
      </Stack>
    </Modal>
  );
}

/** A text that somebody is to take elsewhere, exactly. */
export function Copied({ name, text }: { name: string; text: string }) {
  return (
    <div>
      <Group justify="space-between" mb={4}>
        <Text size="sm" fw={550}>{name}</Text>
        <CopyButton value={text} timeout={2000}>
          {({ copied, copy }) => <Button size="compact-xs" variant="default" leftSection={<Icon name={copied ? "check" : "copy"} size={13} />} onClick={copy} aria-label={`Copy: ${name}`}>{copied ? "Copied" : "Copy"}</Button>}
        </CopyButton>
      </Group>
      <pre className="mono" data-secret tabIndex={0} aria-label={name} style={{ margin: 0, padding: ".7rem .8rem", borderRadius: 8, background: "var(--tow-ground)", border: "1px solid var(--tow-line)", whiteSpace: "pre-wrap", overflowWrap: "anywhere", maxHeight: "12rem", overflow: "auto" }}>{text}</pre>
    </div>
  );
}
