import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createDatabase } from "../../src/services/create-database.ts";
import { freePort } from "../../src/services/free-port.ts";
import { needs } from "../../src/testing/need.ts";
import { type FlakyProxy, startFlakyProxy } from "./flaky-proxy.ts";
import { type Part, spawnCli } from "./spawn-part.ts";
import { type StageApi, startStage } from "./start-stage.ts";
import { until } from "./until.ts";

/** One line a second, with the time at which it was said. */
const counting = `
import { setTimeout as sleep } from "node:timers/promises";
import { task } from "@longshore/sdk";
export const counting = task({
  id: "counting",
  retry: { maxAttempts: 3, minTimeoutInMs: 100 },
  run: async (payload: { ticks: number }) => {
    for (let tick = 1; tick <= payload.ticks; tick++) {
      console.log("tick " + tick + " " + Date.now());
      await sleep(1000);
    }
    return payload.ticks;
  },
});
`;

/** What is taken away: the API's process, or its way to the database. */
export type Away = "api" | "database";

export type OutageFigure = {
  name: "agent.outage";
  away: Away;
  /** How long it was away, and for how long the agent asked to go on without one; null: as long as the API likes. */
  seconds: number;
  silentSeconds: number | null;
  runs: number;
  /** Runs that said their last line meanwhile. */
  endedMeanwhile: number;
  linesExpected: number;
  linesKept: number;
  linesTwice: number;
  linesOutOfOrder: number;
  /** The longest time between two lines of a run, a second being the least: how long work stood still. Units: seconds. */
  longestPauseS: number;
  attempts: number[];
  statuses: string[];
  /** From the last line, or the API's first answer where that came later, until all ends and lines had been told. Units: seconds. */
  caughtUpS: number;
};

/** The API as a process of its own, which can be killed and started again at the same address, or be cut from its database. */
const openApi = () => {
  let server: Part | undefined;
  let way: FlakyProxy | undefined;
  let start = async (): Promise<Part> => {
    throw new Error("not opened");
  };
  const open = async (folder: string): Promise<StageApi> => {
    const database = new URL(await createDatabase(needs("postgres") as string, "e2e_outage"));
    way = await startFlakyProxy(database.href);
    database.host = new URL(way.url).host;
    const env = {
      DATABASE_URL: database.href,
      REDIS_URL: needs("redis") as string,
      LONGSHORE_SECRET: randomBytes(32).toString("hex"),
      LONGSHORE_MIGRATE: "1",
      LONGSHORE_DATA: join(folder, "server"),
      HOST: "127.0.0.1",
      PORT: String(await freePort()),
    };
    let starts = 0;
    start = async () => {
      server = await spawnCli(["server", "--json"], { logFile: join(folder, `server-${++starts}.log`), env });
      return server;
    };
    const { output } = await start();
    const said = await until("the key", () => /^{[\s\S]*?^}|^{.*"apiKey".*}$/m.exec(output())?.[0], {
      saw: output,
    });
    const { url, apiKey } = JSON.parse(said) as { url: string; apiKey: string };
    const enrolToken = async () => {
      const headers = { authorization: `Bearer ${apiKey}` };
      const answer = await fetch(`${url}/api/v1/agents/enrol-tokens`, { method: "POST", headers });
      return ((await answer.json()) as { token: string }).token;
    };
    const close = async () => {
      await server?.stop();
      await way?.close();
    };
    return { url, apiKey, enrolToken, close };
  };
  return {
    open,
    async take(away: Away) {
      if (away === "database") return way?.cut();
      server?.kill("SIGKILL");
      await server?.untilExit();
    },
    async giveBack(away: Away): Promise<void> {
      if (away === "database") way?.mend();
      else await start();
    },
    output: () => server?.output(),
  };
};

/** What is wrong with the lines of a run, and how long it stood still. */
const judge = (lines: readonly string[]) => {
  const told = lines.map((line) => line.split(" ").map(Number)).map(([, tick = 0, at = 0]) => ({ tick, at }));
  const steps = told.slice(1).map(({ tick, at }, index) => {
    const before = told[index] ?? { tick: 0, at: 0 };
    return { isBack: tick <= before.tick, ms: at - before.at };
  });
  return {
    kept: new Set(told.map(({ tick }) => tick)).size,
    twice: told.length - new Set(told.map(({ tick }) => tick)).size,
    outOfOrder: steps.filter(({ isBack }) => isBack).length,
    longestMs: Math.max(0, ...steps.map(({ ms }) => ms)),
    lastAt: told.at(-1)?.at ?? 0,
  };
};

/**
 * Takes the API, or its database, away under runs on a real engine, some of which end meanwhile, and looks at what became
 * of them. Real Postgres and Redis, and the settings that the API has by itself.
 *
 * `silentSeconds`: the agent's `LONGSHORE_SILENT_SECONDS`; null leaves it out.
 */
export const outage = async (
  seconds: number,
  { away = "api" as Away, silentSeconds = null as number | null, say = (_: string) => {} } = {},
): Promise<OutageFigure> => {
  const api = openApi();
  const stage = await startStage("outage", api.open);
  try {
    const { client, logsOf } = stage;
    await stage.deploy(stage.project({ "trigger/counting.ts": counting }));
    const agent = await stage.spawnAgent("outage", "docker", {
      LONGSHORE_SLOTS: "4",
      ...(silentSeconds === null ? {} : { LONGSHORE_SILENT_SECONDS: String(silentSeconds) }),
    });
    const ticks = [0.3, 0.9, 1.1, 1.2].map((share) => Math.ceil(share * seconds));
    const ids = await Promise.all(
      ticks.map(async (count) => (await client.tasks.trigger("counting", { ticks: count })).id),
    );
    await until(
      "all of them count",
      async () => (await Promise.all(ids.map(logsOf))).every((lines) => lines.length > 1),
      { withinMs: 120_000, saw: agent.output },
    );
    await api.take(away);
    say(`the ${away} is away for ${seconds} s`);
    const awayAt = Date.now();
    await sleep(seconds * 1_000);
    const backAt = Date.now();
    await api.giveBack(away);
    await until(
      "the API answers",
      () =>
        fetch(`${stage.url}/healthz`).then(
          ({ ok }) => ok,
          () => false,
        ),
      { withinMs: 60_000, saw: api.output },
    );
    const answersAt = Date.now();
    say(`it was away for ${Math.round((answersAt - awayAt) / 1_000)} s`);
    const runs = await Promise.all(ids.map((id) => client.runs.poll(id, { pollIntervalMs: 500 })));
    const all = await until(
      "every line is told",
      async () => {
        const lines = await Promise.all(
          ids.map(async (id) => (await client.runs.logs(id, { limit: 1_000 })).lines),
        );
        return lines.every(({ length }, at) => length >= (ticks[at] ?? 0)) && lines;
      },
      { withinMs: 60_000, saw: async () => (await Promise.all(ids.map(logsOf))).map(({ length }) => length) },
    );
    const judged = all.map((lines) => judge(lines.map(({ message }) => message)));
    const sum = (of: (one: (typeof judged)[number]) => number) =>
      judged.reduce((total, one) => total + of(one), 0);
    const lastEndAt = Math.max(answersAt, ...judged.map(({ lastAt }) => lastAt));
    return {
      ...{ name: "agent.outage", away, seconds, silentSeconds, runs: ids.length },
      endedMeanwhile: judged.filter(({ lastAt }) => lastAt < backAt).length,
      linesExpected: ticks.reduce((total, count) => total + count, 0),
      linesKept: sum(({ kept }) => kept),
      linesTwice: sum(({ twice }) => twice),
      linesOutOfOrder: sum(({ outOfOrder }) => outOfOrder),
      longestPauseS: Math.round(Math.max(...judged.map(({ longestMs }) => longestMs)) / 100) / 10,
      attempts: runs.map(({ attemptCount }) => attemptCount),
      statuses: runs.map(({ status }) => status),
      caughtUpS: Math.round((Date.now() - lastEndAt) / 100) / 10,
    };
  } finally {
    await stage.close();
  }
};
