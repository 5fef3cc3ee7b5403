/** The rules: from where on things of each kind are told, and how gravely. */
import { NumberInput, Select, Switch } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { asked, hub, type Schemas } from "~/api/client";
import { rulesQuery, type AlertRule, type Severity } from "~/api/telling";
import { Asking, Opens } from "~/parts/Asking";
import { Time } from "~/parts/Shown";
import { tellDone, tellTrouble, Trouble, Waiting } from "~/parts/Standing";
import { Tag } from "~/parts/Tag";
import { useMay } from "~/shell/rights";
import css from "./Alerts.module.css";
import { KINDS, SEVERITIES, severityOf, thresholdOf } from "./standing";

export function Rules() {
  const rules = useQuery(rulesQuery);
  const may = useMay("administer");
  if (rules.isPending) return <Waiting rows={9} />;
  if (!rules.data) return <Trouble error={rules.error} again={() => void rules.refetch()} />;
  return <ul className={css.alerts} aria-label="Rules">{rules.data.results.map((rule) => <Rule key={rule.kind} rule={rule} may={may} />)}</ul>;
}

const changeOf = (kind: AlertRule["kind"], body: Schemas["AlertRuleChange"]) => asked(hub.PATCH("/api/alerts/rules/{kind}/", { params: { path: { kind } }, body }));

/** A rule holds from the next look on, and one that is off clears its alerts. */
function useSettled(): (told: string) => void {
  const client = useQueryClient();
  return (told) => {
    tellDone(told);
    void client.invalidateQueries({ queryKey: ["alerts"] });
  };
}

function Rule({ rule, may }: { rule: AlertRule; may: boolean }) {
  const settled = useSettled();
  const client = useQueryClient();
  const { title } = KINDS[rule.kind];
  const turn = useMutation({ mutationFn: (enabled: boolean) => changeOf(rule.kind, { enabled }), onError: tellTrouble, onSuccess: (now) => {
    client.setQueryData(rulesQuery.queryKey, (old) => old && { ...old, results: old.results.map((one) => (one.kind === now.kind ? now : one)) });
    settled(`${title}: ${now.enabled ? "told from now on" : "not told any more"}.`);
  } });
  return (
    <li data-rule={rule.kind} className={`${css.rule} ${rule.enabled ? "" : css.off}`}>
      <Switch size="sm" aria-label={`Tell: ${title}`} checked={turn.isPending ? turn.variables : rule.enabled} disabled={!may} onChange={(event) => turn.mutate(event.currentTarget.checked)} />
      <div className={css.what}>
        <h2>{title}</h2>
        <p className="dim">{rule.says}{rule.set_by && <> Changed by {rule.set_by}, <Time at={rule.set_at} />.</>}</p>
      </div>
      <span className={css.from}>{thresholdOf(rule.threshold, rule.unit)}</span>
      <span><Tag {...severityOf(rule.severity)} /></span>
      {may && <Opens size="compact-xs" label={`Change the rule ${title}`} dialog={(close) => <RuleDialog rule={rule} close={close} />}>Change</Opens>}
    </li>
  );
}

function RuleDialog({ rule, close }: { rule: AlertRule; close: () => void }) {
  const [threshold, setThreshold] = useState<number | string>(rule.threshold);
  const [severity, setSeverity] = useState<Severity>(rule.severity);
  const settled = useSettled();
  const value = Number(threshold);
  const fits = threshold !== "" && value >= rule.lowest && value <= rule.highest;
  const bounds = `From ${thresholdOf(rule.lowest, rule.unit)} to ${thresholdOf(rule.highest, rule.unit)}`;
  return (
    <Asking title={KINDS[rule.kind].title} verb="Change the rule" about={`${rule.says} It holds from the next look on, ten seconds later at most.`} close={close} ready={fits}
      ask={() => changeOf(rule.kind, { threshold: value, severity })} done={() => (settled(`${KINDS[rule.kind].title}: told from ${thresholdOf(value, rule.unit)} on.`), close())}>
      <NumberInput label={`Threshold in ${rule.unit}`} description={rule.unit === "seconds" && fits ? `${bounds}; this is ${thresholdOf(value, rule.unit)}` : bounds} min={rule.lowest} max={rule.highest} clampBehavior="none"
        error={fits ? undefined : `${bounds}, please`} value={threshold} onChange={setThreshold} data-autofocus />
      <Select label="Severity" description="Destinations say from which on they are told" allowDeselect={false} data={SEVERITIES.map((one) => ({ value: one, label: severityOf(one).word }))} value={severity}
        onChange={(value) => setSeverity(SEVERITIES.find((one) => one === value) ?? severity)} />
    </Asking>
  );
}
