/** The buttons for jobs, and the dialog that asks how and why. */
import { Button, Checkbox, Group, Modal, Radio, Stack, Text, Textarea } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { sessionQuery, type Job } from "~/api/queries";
import { plural } from "~/format/numbers";
import { Icon } from "~/parts/Icon";
import { mayRunIn } from "~/shell/rights";
import { ALL_VERBS, mayAsk, useAsk, VERBS, type Saying, type Verb } from "./wishes";

const NOTHING_SAID: Saying = { reason: "", now: false, resumeAt: null, which: "failed" };

interface Buttons {
  jobs: readonly Job[];
  after?: (made: readonly Job[], verb: Verb) => void;
  size?: "xs" | "sm";
}

/** A button for each verb that at least one of the jobs allows and the reader may ask. */
export function AskButtons({ jobs, after, size = "sm" }: Buttons) {
  const [verb, setVerb] = useState<Verb>();
  const ask = useAsk(after);
  const me = useQuery(sessionQuery).data;
  const fit = (one: Verb): Job[] => jobs.filter((job) => mayAsk(job, one) && mayRunIn(me, job.site, job.space));
  return (
    <>
      {ALL_VERBS.filter((one) => fit(one).length > 0).map((one) => (
        <Button key={one} size={size} variant="default" aria-haspopup={one === "resume" ? undefined : "dialog"} leftSection={<Icon name={VERBS[one].icon} size={15} />} loading={ask.isPending && ask.variables.verb === one}
          onClick={() => (one === "resume" ? ask.mutate({ jobs: fit(one), verb: one, saying: NOTHING_SAID }) : setVerb(one))}>
          {VERBS[one].label}{jobs.length > 1 && fit(one).length < jobs.length ? ` ${fit(one).length}` : ""}
        </Button>
      ))}
      {verb && <AskDialog verb={verb} jobs={fit(verb)} close={() => setVerb(undefined)} ask={(saying) => (setVerb(undefined), ask.mutate({ jobs: fit(verb), verb, saying }))} />}
    </>
  );
}

function AskDialog({ verb, jobs, close, ask }: { verb: Verb; jobs: readonly Job[]; close: () => void; ask: (saying: Saying) => void }) {
  const [saying, setSaying] = useState(NOTHING_SAID);
  const [until, setUntil] = useState("");
  const which = jobs.length === 1 ? `job ${jobs[0]?.id}` : plural(jobs.length, "job");
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    ask({ ...saying, resumeAt: until ? new Date(until).toISOString() : null });
  };
  return (
    <Modal opened onClose={close} title={`${VERBS[verb].label} ${which}`} centered>
      <form onSubmit={submit}>
        <Stack>
          <Text size="sm" c="dimmed">{VERBS[verb].about}</Text>
          {verb === "pause" && (
            <>
              <Checkbox label="Now: running tasks stop at their next path" checked={saying.now} onChange={(event) => setSaying({ ...saying, now: event.currentTarget.checked })} />
              <label>
                <Text size="sm" fw={500}>Resume by itself at</Text>
                <input type="datetime-local" value={until} onChange={(event) => setUntil(event.currentTarget.value)} />
              </label>
            </>
          )}
          {verb === "retry" && (
            <Radio.Group value={saying.which} onChange={(value) => setSaying({ ...saying, which: value as Saying["which"] })} label="Which paths">
              <Stack gap={6} mt={6}>
                <Radio value="failed" label="Those that failed" />
                <Radio value="unfinished" label="Those, and what was not run or is unknown" />
              </Stack>
            </Radio.Group>
          )}
          {verb !== "retry" && <Textarea label="Why" placeholder="Shown to whoever wonders" maxLength={1000} autosize minRows={2} data-autofocus value={saying.reason} onChange={(event) => setSaying({ ...saying, reason: event.currentTarget.value })} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>Leave it</Button>
            <Button type="submit" color={verb === "cancel" ? "red.9" : undefined}>{VERBS[verb].label} {which}</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
