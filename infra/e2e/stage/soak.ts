import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openOutbox } from "@longshore/agent/adapters/outbox";
import { egressFor } from "@longshore/agent/core/egress";
import { connectDocker } from "../../src/services/connect-docker.ts";
import { needs } from "../../src/testing/need.ts";
import { findContainers } from "./leftovers.ts";
import { realApi } from "./real-api.ts";
import { startStage } from "./start-stage.ts";
import { until } from "./until.ts";

/** Ends of all kinds, so that each way out of a container is gone thousands of times. */
const tasks = `
import { task } from "@longshore/sdk";
const once = { retry: { maxAttempts: 1 } };
export const soaked = task({ id: "soaked", ...once, run: async (payload: { number: number; kind: string }) => {
  console.log("run " + payload.number);
  if (payload.kind === "throws") throw new Error("on purpose");
  if (payload.kind === "exits") process.exit(3);
  return payload.number;
} });
`;
const kinds = [
  "returns",
  "returns",
  "returns",
  "returns",
  "returns",
  "returns",
  "returns",
  "throws",
  "returns",
  "exits",
];
const wanted: Record<string, string> = { returns: "COMPLETED", throws: "FAILED", exits: "CRASHED" };

export type SoakFigure = {
  name: "agent.soak";
  runs: number;
  seconds: number;
  runsPerS: number;
  /** Runs that ended otherwise than they should. */
  wrong: number;
  containersLeft: number;
  networksLeft: number;
  volumesLeft: number;
  /** Folders of containers, and facts that were never acknowledged. */
  filesLeft: number;
  factsLeft: number;
  /** Of the agent's process: after the first tenth of the runs, at the end, and at most. Units: MiB. */
  rssEarlyMb: number;
  rssEndMb: number;
  rssMaxMb: number;
};

/** Units: MiB. */
const rssMb = (pid: number, field: "VmRSS" | "VmHWM" = "VmRSS"): number => {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024);
};

/** What there is on the engine: all of it, or what carries a label. */
const namesOf = async (dockerHost: string, label?: string) => {
  const docker = connectDocker(dockerHost, 20_000);
  const filters: Record<string, string[]> = label === undefined ? {} : { label: [label] };
  const [networks, { Volumes }] = await Promise.all([
    docker.listNetworks({ filters }),
    docker.listVolumes({ filters: JSON.stringify(filters) }),
  ]);
  // The one of the runs' containers is the host's: all of its agents share it, and it stays for the next.
  const own = networks.filter(({ Name }) => Name !== egressFor([]).network);
  return { networks: own.map(({ Id }) => Id), volumes: (Volumes ?? []).map(({ Name }) => Name) };
};
const added = (before: readonly string[], after: readonly string[]): number =>
  after.filter((one) => !before.includes(one)).length;

/**
 * Sends runs through containers of a real engine, with a real API, Postgres and Redis, and looks at what is left.
 *
 * `isAlone`: nobody else uses the engine, so that whatever is new on it was left by us; otherwise only what carries the
 * agent's label counts. Cost: about half a second a run on two processors.
 */
export const soak = async (
  runs: number,
  { slots = 4, inFlight = 60, isAlone = false, say = (_: string) => {} } = {},
): Promise<SoakFigure> => {
  const dockerHost = needs("docker") as string;
  const before = await namesOf(dockerHost);
  const stage = await startStage("soak", realApi({}));
  let isClosed = false;
  try {
    const { client } = stage;
    await stage.deploy(stage.project({ "trigger/soaked.ts": tasks }));
    const agent = await stage.spawnAgent("soak", "docker", {
      LONGSHORE_SLOTS: String(slots),
      LONGSHORE_START_SECONDS: "120",
    });
    const known = await until(
      "the agent",
      async () => (await client.agents.list()).data.find(({ slots: n }) => n > 0),
      {
        saw: agent.output,
      },
    );
    const startedAt = performance.now();
    let next = 0;
    let done = 0;
    let wrong = 0;
    let rssEarlyMb = 0;
    const one = async (): Promise<void> => {
      for (let number = next++; number < runs; number = next++) {
        const kind = kinds[number % kinds.length] ?? "returns";
        const { id } = await client.tasks.trigger("soaked", { number, kind });
        const run = await client.runs.poll(id, { pollIntervalMs: 500 });
        const isRight =
          run.status === wanted[kind] && (kind !== "returns" || ("output" in run && run.output === number));
        if (!isRight) {
          wrong++;
          say(
            `run ${number} (${kind}) ended ${run.status}: ${JSON.stringify("error" in run ? run.error : null)}`,
          );
        }
        done++;
        if (done === Math.ceil(runs / 10)) rssEarlyMb = rssMb(agent.pid);
        if (done % Math.ceil(runs / 20) === 0) say(`${done} of ${runs} runs, agent ${rssMb(agent.pid)} MiB`);
      }
    };
    await Promise.all(Array.from({ length: Math.min(inFlight, runs) }, one));
    const seconds = (performance.now() - startedAt) / 1_000;
    const folder = join(stage.folder, "agents/soak/runs");
    const rss = { rssEarlyMb, rssEndMb: rssMb(agent.pid), rssMaxMb: rssMb(agent.pid, "VmHWM") };
    // What was kept ready for more goes with the agent.
    agent.kill("SIGTERM");
    await agent.untilExit();
    const filesLeft = readdirSync(folder).length;
    const outbox = await openOutbox(join(stage.folder, "agents/soak/outbox.log"));
    const factsLeft = outbox.size().facts;
    await outbox.close();
    isClosed = true;
    await stage.close();
    const label = `dev.longshore.agent=${known.id}`;
    const after = await namesOf(dockerHost, isAlone ? undefined : label);
    return {
      name: "agent.soak",
      runs,
      seconds: Math.round(seconds),
      runsPerS: Math.round((100 * runs) / seconds) / 100,
      wrong,
      containersLeft: (await findContainers(dockerHost, label)).length,
      networksLeft: added(before.networks, after.networks),
      volumesLeft: added(before.volumes, after.volumes),
      filesLeft,
      factsLeft,
      ...rss,
    };
  } finally {
    if (!isClosed) await stage.close();
  }
};
