import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startAgent } from "longshore/adapters/agent";
import { type ChosenRuntime, chooseRuntime } from "./choose-runtime.ts";
import { refreshDashboard } from "./refresh-dashboard.ts";
import { type LocalApi, startNodeApi, startWorkerdApi } from "./start-api.ts";

/** What to bring up on this machine. Units: `port` 0 = any free one. */
export type LocalOptions = {
  dataDir: string;
  port: number;
  runtime: "auto" | "docker" | "process";
  platform: "node" | "workerd";
  /** Shows a step as it happens. */
  say(line: string): void;
};

/** A whole Longshore on this machine. `close` ends all of it, also what it executes. */
export type LocalLongshore = {
  api: LocalApi;
  runtime: ChosenRuntime;
  /** Settles when the agent ends by itself. */
  agentEnded: Promise<unknown>;
  close(): Promise<void>;
};

const root = fileURLToPath(new URL("../../..", import.meta.url));
const slots = 10;
/** Runs of a start that was killed end soon after it. Units: milliseconds. */
const orphanGraceMs = 3_000;

const startApi = (options: LocalOptions): Promise<LocalApi> =>
  options.platform === "workerd" ? startWorkerdApi(options) : startNodeApi(options);

const startLocalAgent = async (
  options: LocalOptions,
  api: LocalApi,
  runtime: ChosenRuntime,
  log: (line: string) => void,
) => {
  const dataDir = join(options.dataDir, "agent");
  await mkdir(dataDir, { recursive: true });
  if (runtime.dockerHost !== undefined) process.env.DOCKER_HOST = runtime.dockerHost;
  return startAgent(
    {
      url: api.url,
      dataDir,
      name: "local",
      runtime: runtime.kind,
      slots,
      orphanGraceMs,
      endRunsOnStop: true,
      goesWithoutNetwork: true,
      enrolToken: await api.enrolToken(),
      ...(runtime.image === undefined ? {} : { image: runtime.image }),
    },
    log,
  );
};

/**
 * Brings up the API, its dashboard and one agent. What was started is ended again when a later part fails.
 *
 * Errors: those of the parts, each with a sentence that says what to do.
 */
export const bringUpLocal = async (
  options: LocalOptions,
  log: (line: string) => void,
): Promise<LocalLongshore> => {
  const ends: (() => Promise<void>)[] = [];
  const endAll = async () => {
    for (const end of ends.reverse()) await end().catch((error: unknown) => log(String(error)));
  };
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= endAll();
    return closing;
  };
  try {
    const built = refreshDashboard(root);
    const runtime = await chooseRuntime(options.runtime);
    ends.push(runtime.stop);
    options.say(`Runtime     ${runtime.kind}: ${runtime.why}`);
    if (await built) options.say("Dashboard   built");
    const api = await startApi(options);
    ends.push(api.close);
    options.say(`API         ${api.url} (${api.how})`);
    const agent = await startLocalAgent(options, api, runtime, log);
    ends.push(() => agent.stop());
    options.say(`Agent       "local", ${slots} slots`);
    return { api, runtime, agentEnded: agent.done, close };
  } catch (error) {
    await close();
    throw error;
  }
};
