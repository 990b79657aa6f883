import { performance } from "node:perf_hooks";
import { type Figure, percentiles, rounded } from "./figures.ts";
import { type Backlog, seedBacklog } from "./seed-backlog.ts";
import { enrolSimulatedAgent, type SimulatedAgent } from "./simulated-agent.ts";
import type { Stage } from "./stage.ts";

const holdMs = 10_000;

const claimOne = async (stage: Stage, agent: SimulatedAgent): Promise<number> => {
  await stage.trigger();
  const sentMs = performance.now();
  // Beside lanes that have yet to be found without room, a claim or two may answer nothing: the poll goes on.
  const leases = await agent.poll(1, holdMs);
  const tookMs = performance.now() - sentMs;
  if (leases.length !== 1) throw new Error(`a poll answered ${leases.length} leases`);
  await agent.finish(leases, 0);
  return tookMs;
};

/**
 * How long a poll takes to answer with a run, beside a backlog and in an almost empty system: two systems on one server,
 * one sample of each in turn, so that what else the machine does falls on both.
 */
export const claimBeside =
  (backlog: Backlog, samples = 300, warmUp = 100) =>
  async (stage: Stage, empty: Stage): Promise<Figure> => {
    const stages = [stage, empty];
    const agents = await Promise.all(stages.map(({ http, apiKey }) => enrolSimulatedAgent(http, apiKey, 1)));
    // Opens the lane that the backlog may stand in.
    for (const [place, agent] of agents.entries()) await claimOne(stages[place] as Stage, agent);
    await seedBacklog(stage, backlog);
    const tookMs: [number[], number[]] = [[], []];
    for (let nth = -warmUp; nth < samples; nth++)
      for (const place of [0, 1] as const) {
        const ms = await claimOne(stages[place] as Stage, agents[place] as SimulatedAgent);
        if (nth >= 0) tookMs[place].push(ms);
      }
    const [beside, alone] = [percentiles(tookMs[0]), percentiles(tookMs[1])];
    return {
      name: `engine.${backlog}`,
      p50Ms: beside.p50Ms,
      p99Ms: beside.p99Ms,
      emptyP50Ms: alone.p50Ms,
      emptyP99Ms: alone.p99Ms,
      ratioP50: rounded(beside.p50Ms / alone.p50Ms),
      ratioP99: rounded(beside.p99Ms / alone.p99Ms),
      n: samples,
    };
  };
