/** What became of the events that were to be sent to a webhook. */
import { Modal, SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { deliveriesQuery, SENT, type Delivery, type Webhook } from "~/api/telling";
import { count } from "~/format/numbers";
import { Time } from "~/parts/Shown";
import { Empty, Trouble, Waiting } from "~/parts/Standing";
import { Tag } from "~/parts/Tag";
import { sentOf } from "../alerts/standing";

const STATES = [{ value: "", label: "All" }, { value: "waiting", label: "Waiting" }, { value: "delivered", label: "Delivered" }, { value: "given up", label: "Given up" }];

export function Deliveries({ hook, close }: { hook: Webhook; close: () => void }) {
  const [state, setState] = useState("");
  const list = useQuery({ ...deliveriesQuery(hook.id, (state || undefined) as Delivery["state"] | undefined), refetchInterval: 5000 });
  return (
    <Modal opened onClose={close} title={`Deliveries of webhook ${hook.id}`} size="xl" centered closeButtonProps={{ "aria-label": "Close" }}>
      <SegmentedControl size="xs" mb="sm" aria-label="Only those" data={STATES} value={state} onChange={setState} />
      {list.isPending ? <Waiting rows={4} /> : !list.data ? <Trouble error={list.error} again={() => void list.refetch()} />
        : list.data.results.length === 0 ? <Empty icon="webhook" title={state ? "None of these" : "Nothing was sent yet"}>The next event that fits is sent there; a test can be sent now.</Empty>
        : <Rows rows={list.data.results} all={list.data.count ?? 0} />}
    </Modal>
  );
}

function Rows({ rows, all }: { rows: readonly Delivery[]; all: number }) {
  return (
    <>
      <div className="scroll" tabIndex={0} role="region" aria-label="Deliveries">
        <table className="plain">
          <thead><tr><th>State</th><th>Event</th><th>When</th><th className="num">Tries</th><th className="num">Answer</th><th>Why not</th></tr></thead>
          <tbody>{rows.map((one) => (
            <tr key={one.id}>
              <td><Tag {...sentOf(one)} /></td><td>{one.event ?? "A test"}</td><td><Time at={one.tried_at ?? one.created_at} /></td><td className="num">{one.attempts}</td><td className="num">{one.status ?? ""}</td>
              <td>{one.state === "delivered" ? "" : one.error}{one.state === "waiting" && one.attempts > 0 && <> Again <Time at={one.due_at} />.</>}</td>
            </tr>
          ))}</tbody>
        </table>
      </div>
      {all > SENT && <p className="dim">The newest {count(SENT)} of {count(all)}.</p>}
    </>
  );
}
