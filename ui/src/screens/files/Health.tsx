/** How a site stands, by shape, colour and word. */
import type { Site } from "~/api/queries";
import { Icon } from "~/parts/Icon";

const LOOKS = { ok: ["check", "good", "all nodes online"], warning: ["warning", "warn", "some nodes are not heard"], critical: ["close", "bad", "no node is heard"] } as const satisfies Record<Site["health"], unknown>;

export function HealthMark({ health }: { health: Site["health"] }) {
  const [icon, tone, word] = LOOKS[health];
  return <span className="nowrap" style={{ display: "inline-flex", gap: ".35rem", alignItems: "center", color: `var(--tow-${tone})`, fontSize: "var(--mantine-font-size-sm)" }}><Icon name={icon} size={15} />{word}</span>;
}
