/** What may be asked of jobs, one or many: which buttons there are, and the calls behind them. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { asked, hub, Problem, type Schemas } from "~/api/client";
import type { Job } from "~/api/queries";
import { isOver, mayWish } from "~/api/states";
import type { IconName } from "~/parts/Icon";
import { refreshJobs } from "~/live/patches";
import { plural } from "~/format/numbers";
import { tellDone, tellTrouble } from "~/parts/Standing";

export type Verb = "pause" | "resume" | "cancel" | "retry";

export interface Saying {
  reason: string;
  now: boolean;
  resumeAt: string | null;
  which: Schemas["Retry"];
}

export const VERBS: Readonly<Record<Verb, { label: string; done: string; icon: IconName; about: string }>> = {
  pause: { label: "Pause", done: "asked to pause", icon: "pause", about: "Nothing more of it starts; what runs ends first, unless it is to stop now." },
  resume: { label: "Resume", done: "resumed", icon: "play", about: "It goes on where it was paused." },
  cancel: { label: "Cancel", done: "asked to end", icon: "stop", about: "What runs stops at its next path, and what waits never starts. What was done stays done. This cannot be taken back." },
  retry: { label: "Retry", done: "retried", icon: "retry", about: "A new job takes those paths up again, each at the step where it failed." },
};
export const ALL_VERBS = Object.keys(VERBS) as Verb[];

/** Whether that may be asked of the job as it stands: from the table of legal wishes. */
export function mayAsk(job: Job, verb: Verb): boolean {
  if (verb === "retry") return isOver(job.state) && job.totals.failed + job.totals.unknown + job.totals.not_run > 0;
  if (verb === "resume") return mayWish(job.state, "run");
  return mayWish(job.state, verb) && job.wanted !== verb;
}

function call(id: number, verb: Verb, saying: Saying): Promise<Job> {
  const params = { path: { job_id: id } };
  const { reason } = saying;
  switch (verb) {
    case "pause":
      return asked(hub.POST("/api/jobs/{job_id}/pause/", { params, body: { reason, now: saying.now, resume_at: saying.resumeAt } }));
    case "resume":
      return asked(hub.POST("/api/jobs/{job_id}/resume/", { params, body: { reason } }));
    case "cancel":
      return asked(hub.POST("/api/jobs/{job_id}/cancel/", { params, body: { reason } }));
    case "retry":
      return asked(hub.POST("/api/jobs/{job_id}/retry/", { params, body: { which: saying.which } }));
  }
}

/** Six at a time, as many as browsers ask a host at once; what is refused holds up none of the others. */
async function each<T, R>(all: readonly T[], ask: (one: T) => Promise<R>): Promise<{ done: R[]; refused: Problem[] }> {
  const rest = [...all];
  const done: R[] = [];
  const refused: Problem[] = [];
  const work = async (): Promise<void> => {
    for (let one = rest.shift(); one !== undefined; one = rest.shift()) {
      try {
        done.push(await ask(one));
      } catch (error) {
        refused.push(error instanceof Problem ? error : new Problem(-1, "A bug", String(error)));
      }
    }
  };
  await Promise.all(Array.from({ length: 6 }, work));
  return { done, refused };
}

/** Asks something of jobs, tells what came of it, and shows them as they are then. */
export function useAsk(after?: (made: readonly Job[], verb: Verb) => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ jobs, verb, saying }: { jobs: readonly Job[]; verb: Verb; saying: Saying }) => each(jobs, (job) => call(job.id, verb, saying)),
    onSuccess: async ({ done, refused }, { jobs, verb }) => {
      if (done.length) tellDone(`${plural(done.length, "job")} ${VERBS[verb].done}.`);
      if (refused[0]) tellTrouble(refused.length === 1 ? refused[0] : new Problem(409, `${plural(refused.length, "job")} refused`, refused[0].detail));
      await refreshJobs(client, jobs.map((job) => job.id)).catch(() => undefined);
      for (const job of jobs) void client.invalidateQueries({ queryKey: ["job", job.id] });
      after?.(done, verb);
    },
  });
}
