import { z } from "zod";
import { type BuildTools, plainTools } from "./build-tools.ts";
import { BundleError } from "./bundle-error.ts";

const Registration = z.object({
  settings: z.record(z.string(), z.unknown()),
  stack: z.string(),
  exportName: z.string().optional(),
});

const Answer = z.discriminatedUnion("ok", [
  z.object({
    ok: z.literal(true),
    registrations: z.array(Registration),
    limits: z.array(Registration),
    queues: z.array(Registration),
  }),
  z.object({ ok: z.literal(false), name: z.string(), message: z.string(), stack: z.string() }),
]);
/** What the process that imported the bundle has to say. */
export type IndexAnswer = z.infer<typeof Answer>;

/** What the user's code printed is shown, but not without end. Units: characters. */
const outputMax = 20_000;

/**
 * Imports the bundle in a process of its own and answers what it registered, and what it printed.
 *
 * Units: `timeoutMs`. Errors: BundleError when the process takes too long or ends without an answer.
 */
export const runIndexChild = (
  entry: string,
  timeoutMs: number,
  tools: Pick<BuildTools, "startIndexChild" | "env"> = plainTools,
): Promise<{ answer: IndexAnswer; output: string }> =>
  new Promise((resolve, reject) => {
    const child = tools.startIndexChild();
    let output = "";
    let answer: IndexAnswer | undefined;
    const collect = (chunk: Buffer) => {
      if (output.length < outputMax) output += chunk.toString();
    };
    child.stdout?.on("data", collect);
    child.stderr?.on("data", collect);
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill("SIGKILL");
    }, timeoutMs);
    child.on("message", (message) => {
      answer ??= Answer.parse(message);
    });
    child.on("error", reject);
    child.send({ entry, env: tools.env() }, (error) => {
      // One that is gone already says so by its end.
      if (error) child.kill("SIGKILL");
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (answer) return resolve({ answer, output });
      const why = timedOut
        ? `importing the task files took longer than ${timeoutMs / 1_000} s: does one of them start work when it is imported?`
        : `importing the task files ended the process (${signal ?? `exit code ${code}`}): does one of them call process.exit?`;
      reject(new BundleError([{ text: [why, output.trim()].filter(Boolean).join("\n") }]));
    });
  });
