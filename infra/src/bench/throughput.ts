import { performance } from "node:perf_hooks";
import { type Figure, median, rounded } from "./figures.ts";
import { ratePerS } from "./rate.ts";
import { enrolSimulatedAgent } from "./simulated-agent.ts";
import type { Stage } from "./stage.ts";

const holdMs = 2_000;

/**
 * Triggers, `width` in flight, while agents claim and complete what comes: completed runs in a second over the whole
 * window, once both have warmed up, and what was left of the work at its end.
 * Units: `windowS`, `warmUpS` seconds.
 */
export const sustained = async (
  stage: Stage,
  width = 16,
  windowS = 8,
  agents = 2,
  warmUpS = 4,
): Promise<Figure> => {
  const batch = 200;
  const crew = await Promise.all(
    Array.from({ length: agents }, () => enrolSimulatedAgent(stage.http, stage.apiKey, batch)),
  );
  let isOver = false;
  let done = 0;
  let sent = 0;
  const work = crew.map(async (agent) => {
    let leases = await agent.poll(batch, holdMs);
    while (!isOver || leases.length > 0) {
      const next = leases.length > 0 ? await agent.finish(leases, isOver ? 0 : batch) : [];
      done += leases.length;
      leases = next.length > 0 || isOver ? next : await agent.poll(batch, holdMs);
    }
  });
  const produce = async (seconds: number) => {
    [sent, done] = [0, 0];
    await ratePerS(seconds, width, async () => {
      await stage.trigger();
      sent++;
    });
  };
  await produce(warmUpS);
  const startMs = performance.now();
  await produce(windowS);
  const [perS, backlog] = [done / ((performance.now() - startMs) / 1_000), sent - done];
  isOver = true;
  await Promise.all(work);
  return { name: "engine.sustained", inFlight: width, perS: rounded(perS), sent, backlog, agents, windowS };
};

/** A batch of a thousand items in two requests, until its stream is answered as sealed. */
export const batch = async (stage: Stage, samples = 20, items = 1_000): Promise<Figure> => {
  const headers = { authorization: `Bearer ${stage.apiKey}` };
  const lines = Array.from({ length: items }, (_, index) =>
    JSON.stringify({ index, task: "noop", payload: { index } }),
  ).join("\n");
  const tookMs: number[] = [];
  for (let nth = -3; nth < samples; nth++) {
    const sentMs = performance.now();
    const { id } = await stage.http.json<{ id: string }>(
      "POST",
      "/api/v3/batches",
      { runCount: items },
      headers,
    );
    const answer = await stage.http.json<{ sealed: boolean; itemsAccepted: number }>(
      "POST",
      `/api/v3/batches/${id}/items`,
      `${lines}\n`,
      { ...headers, "content-type": "application/x-ndjson" },
    );
    if (!answer.sealed || answer.itemsAccepted !== items)
      throw new Error(`a batch of ${items} was not sealed`);
    if (nth >= 0) tookMs.push(performance.now() - sentMs);
  }
  return {
    name: "engine.batch",
    items,
    p50Ms: median(tookMs),
    maxMs: rounded(Math.max(...tookMs)),
    n: samples,
  };
};
