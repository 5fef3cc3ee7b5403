/** What sets a workflow apart: where it came from, and whether it may be run. */
import type { Workflow } from "~/api/queries";
import { Icon } from "~/parts/Icon";
import state from "~/parts/State.module.css";

export function Marks({ workflow }: { workflow: Workflow }) {
  return (
    <>
      {workflow.warnings.length > 0 && <span className={`${state.badge} ${state.warn}`} title={workflow.warnings.join("\n")}><Icon name="warning" size={13} />perhaps not as meant</span>}
      {!workflow.enabled && <span className={`${state.badge} ${state.warn}`} title="It may not be run."><Icon name="pause" size={13} />disabled</span>}
      {!workflow.visible && <span className={`${state.badge} ${state.still}`} title="It is not offered to people.">hidden</span>}
      {workflow.installed && <span className={`${state.badge} ${state.still}`} title="It came with the software.">installed</span>}
    </>
  );
}
