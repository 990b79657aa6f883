import { performance } from "node:perf_hooks";
import { postgresCpuMs, processCpuMs } from "./cpu.ts";
import { type Figure, percentiles, rounded } from "./figures.ts";
import { ratePerS } from "./rate.ts";
import { enrolSimulatedAgent, type SimulatedAgent } from "./simulated-agent.ts";
import type { Stage } from "./stage.ts";

const holdMs = 20_000;
const shortHoldMs = 4_000;

/** Runs `count` calls with `width` of them in flight. */
const inFlight = async (count: number, width: number, call: () => Promise<unknown>): Promise<void> => {
  let left = count;
  const worker = async () => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: width }, worker));
};

/** From sending a trigger until its lease is in the hands of a parked agent, nothing else going on. */
export const triggerToClaim = async (stage: Stage, samples = 200, warmUp = 30): Promise<Figure> => {
  const agent = await enrolSimulatedAgent(stage.http, stage.apiKey, 1);
  const tookMs: number[] = [];
  for (let i = 0; i < samples + warmUp; i++) {
    const parked = agent.poll(1, holdMs);
    await new Promise((resolve) => setTimeout(resolve, 10));
    const sentMs = performance.now();
    const triggered = stage.trigger();
    const leases = await parked;
    if (leases.length !== 1) throw new Error(`a poll answered ${leases.length} leases`);
    if (i >= warmUp) tookMs.push(performance.now() - sentMs);
    await triggered;
    await agent.finish(leases, 0);
  }
  return { name: "engine.trigger-to-claim", ...percentiles(tookMs) };
};

/** Single triggers, `width` in flight, over HTTP, to a server that is warm. Units: `windowS`, `warmUpS` seconds. */
export const triggerConcurrent = async (
  stage: Stage,
  width: number,
  windowS = 4,
  warmUpS = 4,
): Promise<Figure> => {
  await ratePerS(warmUpS, width, () => stage.trigger());
  const perS = await ratePerS(windowS, width, () => stage.trigger());
  return { name: "engine.trigger-concurrent", inFlight: width, perS: rounded(perS), windowS };
};

type Crew = readonly SimulatedAgent[];

/** Makes a backlog of runs that do nothing. */
const fill = async (stage: Stage, count: number): Promise<void> => {
  await inFlight(count, 64, () => stage.trigger());
  await stage.sql.query("vacuum analyze");
};

/** Takes `count` queued runs through claim and report, `batch` at a time. */
const empty = async (crew: Crew, count: number, batch: number): Promise<void> => {
  let done = 0;
  const work = async (agent: SimulatedAgent) => {
    let leases = await agent.poll(batch, 0);
    while (done < count) {
      const next = await agent.finish(leases, batch);
      done += leases.length;
      leases = next.length > 0 || done >= count ? next : await agent.poll(batch, 100);
    }
  };
  await Promise.all(crew.map(work));
};

/**
 * A backlog of runs that do nothing, through claim and report, by agents that take `batch` runs at a time, from a server that
 * has drained `warmUp` before.
 */
export const drain = async (
  stage: Stage,
  count = 10_000,
  agents = 2,
  batch = 200,
  warmUp = 5_000,
): Promise<Figure> => {
  const crew = await Promise.all(
    Array.from({ length: agents }, () => enrolSimulatedAgent(stage.http, stage.apiKey, batch)),
  );
  await fill(stage, warmUp);
  await empty(crew, warmUp, batch);
  await fill(stage, count);
  const statementsBefore = await stage.statements();
  const requestsBefore = stage.http.requests();
  const startMs = performance.now();
  await empty(crew, count, batch);
  const tookS = (performance.now() - startMs) / 1_000;
  const requests = stage.http.requests() - requestsBefore;
  const statements = (await stage.statements()) - statementsBefore;
  const { rows } = await stage.sql.query("select count(*)::int as n from runs where state = 'completed'");
  if (Number(rows[0]?.n) < count + warmUp) throw new Error(`only ${rows[0]?.n} runs completed`);
  return {
    name: "engine.drain",
    runsPerS: rounded(count / tookS),
    sqlPerRun: rounded(statements / count),
    requestsPerRun: rounded(requests / count),
    agents,
    batch,
    n: count,
  };
};

/** As long as agents are told to hold. Units: milliseconds. */
const idleHoldMs = 50_000;

/**
 * What parked agents with nothing to do cost: polls return and are sent again all the while.
 * Units: `windowS` seconds; shares of one core, null where /proc does not tell.
 */
const idleRate = async (stage: Stage, agents: number, windowS: number) => {
  const crew: SimulatedAgent[] = [];
  for (let nth = 0; nth < agents; nth++) crew.push(await enrolSimulatedAgent(stage.http, stage.apiKey, 10));
  let isOver = false;
  let polls = 0;
  const loops = crew.map(async (agent, nth) => {
    // First polls of different length, so that they do not all return at once for ever.
    await agent.poll(10, ((nth + 1) / agents) * shortHoldMs);
    for (; !isOver; polls++) await agent.poll(10, idleHoldMs);
  });
  await new Promise((resolve) => setTimeout(resolve, 2 * shortHoldMs));
  const read = async () => ({
    statements: await stage.statements(),
    atMs: performance.now(),
    apiMs: processCpuMs(stage.pid),
    postgresMs: await postgresCpuMs(stage.sql),
  });
  const before = await read();
  await new Promise((resolve) => setTimeout(resolve, windowS * 1_000));
  const after = await read();
  isOver = true;
  const spanMs = after.atMs - before.atMs;
  const share = (to: number | null, from: number | null) =>
    to === null || from === null ? null : rounded(((to - from) / spanMs) * 100);
  stage.http.close();
  await Promise.allSettled(loops);
  return {
    sqlPerS: rounded((after.statements - before.statements) / (spanMs / 1_000)),
    apiCorePercent: share(after.apiMs, before.apiMs),
    postgresCorePercent: share(after.postgresMs, before.postgresMs),
    polls,
    windowS,
  };
};

/** What idle agents cost between sweeps: measured with the sweep put off beyond the window. */
export const idle = async (stage: Stage, agents = 1_000, windowS = 60): Promise<Figure> => ({
  name: "engine.idle",
  agents,
  ...(await idleRate(stage, agents, windowS)),
});

/** The same with the sweeps that an API makes. */
export const idleWithSweeps = async (stage: Stage, agents = 1_000, windowS = 120): Promise<Figure> => ({
  name: "engine.idle-with-sweeps",
  agents,
  ...(await idleRate(stage, agents, windowS)),
});
