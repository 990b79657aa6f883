import { batch, configure, isApiError, runs, TriggerClient, tasks } from "@longshore/sdk";

/** Where the program goes, and with which credential. */
export type Target = { baseURL: string; accessToken: string };

/** What the program saw. */
export type Report = {
  hasProcess: boolean;
  runId: string;
  status: string;
  payload: unknown;
  batchRuns: number;
  refusedWith: number | undefined;
};

/** The same program for every runtime: triggers, reads back what it sent, stores a large payload, is refused. */
export const runPortableProgram = async (target: Target): Promise<Report> => {
  configure(target);
  const handle = await tasks.trigger("hello", { at: new Date(0), text: "ö".repeat(70_000) }, { delay: "1h" });
  const { batchId } = await batch.trigger(
    [1, 2].map((n) => ({ id: "hello", payload: n, options: { delay: "1h" } })),
  );
  const reader = new TriggerClient({ ...target, accessToken: handle.publicAccessToken });
  const run = await reader.runs.retrieve(handle);
  const refused: unknown = await runs
    .retrieve("run_none", { retry: { maxAttempts: 1 } })
    .catch((error: unknown) => error);
  return {
    hasProcess: "process" in globalThis,
    runId: handle.id,
    status: run.status,
    payload: run.payload,
    batchRuns: (await batch.retrieve(batchId)).runCount,
    refusedWith: isApiError(refused) ? refused.status : undefined,
  };
};
