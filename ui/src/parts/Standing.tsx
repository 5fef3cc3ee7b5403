/** What a screen says where there is nothing, not yet something, or something is wrong. */
import { Alert, Button, Skeleton, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import type { ReactNode } from "react";
import { Problem } from "~/api/client";
import { Icon, type IconName } from "./Icon";

/** A list that is empty: why, and what to do next. */
export function Empty({ icon, title, children, action }: { icon: IconName; title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <Stack align="center" gap="xs" py="xl" px="md" ta="center" data-empty>
      <span className="dim"><Icon name={icon} size={32} /></span>
      <Text fw={600}>{title}</Text>
      <Text c="dimmed" maw={460} component="div">{children}</Text>
      {action}
    </Stack>
  );
}

/** The size of what will stand there, so that nothing jumps. */
export function Waiting({ rows = 6 }: { rows?: number }) {
  return (
    <Stack gap="sm" p="md" aria-busy="true" aria-label="Reading">
      {Array.from({ length: rows }, (_, row) => <Skeleton key={row} height={18} width={`${92 - ((row * 17) % 40)}%`} />)}
    </Stack>
  );
}

/** A refusal: the thing, what was expected, what was found. */
export function Trouble({ error, again }: { error: unknown; again?: () => void }) {
  const problem = told(error);
  return (
    <Alert color="red" variant="light" title={problem.title} icon={<Icon name="warning" />} role="alert" m="md">
      <Text size="sm">{problem.detail}</Text>
      {problem.faults.length > 0 && (
        <table className="plain" style={{ marginTop: 8 }}>
          <thead><tr><th>Where</th><th>Expected</th><th>Found</th></tr></thead>
          <tbody>
            {problem.faults.map((fault, row) => (
              <tr key={row}>
                <td className="mono">{fault.place}</td>
                <td colSpan={fault.expected ? 1 : 2}>{fault.expected ?? fault.text}</td>
                {fault.expected && <td>{fault.found}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {again && <Button mt="sm" size="xs" variant="default" onClick={again}>Try again</Button>}
    </Alert>
  );
}

/** Any error as a problem. */
export function told(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem(-1, "This screen met a bug", error instanceof Error ? error.message : String(error));
}

/** A toast for a refusal. */
export function tellTrouble(error: unknown): void {
  const problem = told(error);
  notifications.show({ color: "red", title: problem.title, message: problem.detail, autoClose: 10_000, icon: <Icon name="warning" /> });
}

/** A toast for what was done. */
export function tellDone(message: string): void {
  notifications.show({ color: "teal", message, icon: <Icon name="check" /> });
}
