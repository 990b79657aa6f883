import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient } from "@longshore/sdk";
import { deployProject } from "longshore/deploy/deploy";
import type { LocalApi } from "./start-api.ts";

const helloWorld = join(fileURLToPath(new URL("../../..", import.meta.url)), "examples/hello-world");

/** A run of hello-world from its deployment to its result. Units: milliseconds; times from the API's own record. */
export type FirstRun = {
  runId: string;
  status: string;
  output: unknown;
  error: string | null;
  triggerToStartMs: number;
};

export const greeted = "world";
export const expectedOutput = { message: `Hello, ${greeted}!` };
const pollMs = 50;

/**
 * Deploys examples/hello-world, triggers it and waits for its end, saying each step.
 *
 * Errors: of the deployment; a run that does not end within `timeoutMs`.
 */
export const firstRun = async (
  api: LocalApi,
  say: (line: string) => void,
  timeoutMs = 60_000,
): Promise<FirstRun> => {
  const client = createClient({ baseURL: api.url, accessToken: api.apiKey });
  const deployed = await deployProject({ dir: helloWorld, apiUrl: api.url, apiKey: api.apiKey });
  say(`Deployed    examples/hello-world as ${deployed.version}: ${deployed.tasks.join(", ")}`);
  const { id } = await client.tasks.trigger("hello-world", { name: greeted });
  say(`Triggered   hello-world: ${id}`);
  let shown = "";
  for (const endAtMs = performance.now() + timeoutMs; ; ) {
    const run = await client.runs.retrieve(id);
    if (run.status !== shown) say(`Run         ${run.status.toLowerCase()}`);
    shown = run.status;
    if (run.isCompleted) {
      const { attempts, events } = await client.runs.timeline(id);
      const triggeredAt = Date.parse(String(events[0]?.at));
      const startedAt = Date.parse(String(attempts[0]?.startedAt));
      return {
        runId: id,
        status: run.status,
        output: "output" in run ? (run.output ?? null) : null,
        error: "error" in run ? (run.error?.message ?? null) : null,
        triggerToStartMs: startedAt - triggeredAt,
      };
    }
    if (performance.now() > endAtMs) {
      const why = await client.runs.explain(id);
      throw new Error(`the run ${id} did not end within ${timeoutMs / 1_000} s: ${why.sentence}`);
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
};
