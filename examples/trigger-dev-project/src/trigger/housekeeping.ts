import {
  auth,
  envvars,
  NotFoundError,
  queues,
  type RetrieveRunResult,
  retry,
  runs,
  schedules,
  TriggerClient,
  task,
  timeout,
  wait,
} from "@trigger.dev/sdk/v3";
import type { order } from "./orders";

const outcomeOf = (run: RetrieveRunResult<typeof order>): string =>
  run.status === "COMPLETED" ? `${run.output?.cents} cents` : run.status;

/** Looks after the environment it runs in: runs that failed, queues, schedules, variables. */
export const housekeeping = task({
  id: "housekeeping",
  maxDuration: timeout.None,
  run: async (payload: { retryFailed: boolean }) => {
    const outcomes: string[] = [];
    for await (const run of runs.list({
      status: ["FAILED", "CRASHED"],
      taskIdentifier: "order",
      period: "1d",
    })) {
      if (payload.retryFailed) await runs.replay(run.id);
      outcomes.push(outcomeOf(await runs.retrieve<typeof order>(run.id)));
    }
    await wait.for({ seconds: 1 });
    const { data } = await queues.list({ perPage: 10 });
    const paused = data.filter((queue) => queue.paused).map(({ name }) => name);
    const hidden = (await envvars.list()).filter((variable) => variable.isSecret).length;
    const schedule = await retry.onThrow(
      () => schedules.create({ task: "housekeeping", cron: "0 4 * * *", deduplicationKey: "nightly" }),
      { maxAttempts: 3 },
    );
    return { outcomes, paused, hidden, next: schedule.nextRun };
  },
});

/** What the web server does: it lets a browser follow one run, and no other. */
export const tokenFor = async (runId: string): Promise<string> =>
  auth.createPublicToken({ scopes: { read: { runs: [runId] } }, expirationTime: "1h" });

/** The same run, in another environment. */
export const findInStaging = async (runId: string, accessToken: string): Promise<string | null> => {
  const staging = new TriggerClient({ accessToken });
  try {
    return (await staging.runs.retrieve(runId)).status;
  } catch (error) {
    if (error instanceof NotFoundError) return null;
    throw error;
  }
};
