import { Agent } from "node:http";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { call, deploy, FakeAgent, retrieve, trigger } from "../http/client.ts";
import type { Platform } from "../http/platforms.ts";
import { makeDice } from "./dice.ts";
import { type FuzzRequest, type Ground, makeRequest } from "./fuzz-request.ts";
import { layGround } from "./ground.ts";
import { judge } from "./judge.ts";
import { type Operation, operationsOf } from "./operations.ts";
import { send } from "./send.ts";

/** Requests that are on their way at the same time. */
const inFlight = 16;
/** Longest that an answer may take. Units: milliseconds. */
const answerMsMax = 10_000;
/** Growth of the heap from one half of the requests to the other that is no leak. Units: bytes. */
const heapGrowthMax = 48 * 1024 * 1024;
/** Failures that are shown. */
const shownMax = 12;
/** Requests between two renewals of the credentials, some of which are spent meanwhile. */
const renewEvery = 1_000;

const seed = Number(process.env.LONGSHORE_FUZZ_SEED ?? Math.floor(Math.random() * 1e9));
const only = process.env.LONGSHORE_FUZZ_AT;

const requestAt = (nth: number, operations: readonly Operation[], ground: Ground): FuzzRequest => {
  const dice = makeDice(seed + nth * 7_919);
  // Every operation has its turn, then chance decides what it is sent.
  return makeRequest(dice, operations[nth % operations.length] as Operation, ground);
};

const shown = ({ method, target, headers, body }: FuzzRequest): string => {
  const types = headers.filter(([name]) => name !== "authorization" && name !== "cookie");
  return `${method} ${target.slice(0, 300)} ${JSON.stringify(types)} ${body?.toString().slice(0, 400) ?? ""}`;
};

/** Sends the requests, 16 at a time; answers what was wrong, and how often each status came. */
const sendAll = async (
  p: Platform,
  ground: Ground & { renew(): Promise<void> },
  from: number,
  to: number,
) => {
  const operations = operationsOf((await call(p, "GET", "/openapi.json")).json);
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
  const faults: string[] = [];
  const statuses = new Map<number, number>();
  let next = from;
  const one = async (nth: number) => {
    const fuzz = requestAt(nth, operations, ground);
    try {
      const answer = await send(new URL(p.url), agent, fuzz, answerMsMax);
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      const fault = judge(fuzz, answer);
      if (fault !== null) faults.push(`#${nth} ${fault}: ${answer.text.slice(0, 300)}\n   ${shown(fuzz)}`);
    } catch (error) {
      faults.push(`#${nth} ${String(error)}\n   ${shown(fuzz)}`);
    }
  };
  while (next < to) {
    const end = Math.min(to, next + renewEvery);
    await ground.renew();
    const workers = Array.from({ length: inFlight }, async () => {
      while (next < end) await one(next++);
    });
    await Promise.all(workers);
  }
  agent.destroy();
  return { faults, statuses };
};

const heapAfterGc = (): number => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  collect();
  return process.memoryUsage().heapUsed;
};

/** What a suite may look at besides the answers. */
export type Inside = {
  /** Connections to the server's database. */
  measure?(): Promise<{ connections: number }>;
  /** Names of invariants that do not hold. */
  broken?(environmentIds: readonly string[]): Promise<string[]>;
  /** Whether the server lives in this process, so that its heap can be read. */
  isHere?: boolean;
};

/** Throws requests at a platform, made from its own OpenAPI document. `LONGSHORE_FUZZ_SEED` throws the same again. */
export const describeFuzz = (
  name: string,
  isAvailable: boolean,
  requests: number,
  start: () => Promise<{ platform: Platform; inside: Inside }>,
): void => {
  describe.skipIf(!isAvailable)(`${requests} odd requests to ${name}`, () => {
    let p: Platform;
    let inside: Inside;
    let ground: Awaited<ReturnType<typeof layGround>>;
    beforeAll(async () => {
      ({ platform: p, inside } = await start());
      ground = await layGround(p);
    }, 60_000);
    afterAll(() => p?.close());

    test(`are each answered as documented (seed ${seed})`, { timeout: 300_000 }, async () => {
      const [from, to] = only === undefined ? [0, requests] : [Number(only), Number(only) + 1];
      const half = Math.ceil((from + to) / 2);
      const first = await sendAll(p, ground, from, half);
      const before = { heap: heapAfterGc(), ...(await inside.measure?.()) };
      const second = await sendAll(p, ground, half, to);
      const after = { heap: heapAfterGc(), ...(await inside.measure?.()) };
      const faults = [...first.faults, ...second.faults];
      const counts = new Map([...first.statuses].map(([s, n]) => [s, n + (second.statuses.get(s) ?? 0)]));
      console.info(`answers by status: ${JSON.stringify([...counts].sort())}`);
      expect(
        faults.slice(0, shownMax).join("\n"),
        `${faults.length} faults; again with LONGSHORE_FUZZ_SEED=${seed}, one alone with LONGSHORE_FUZZ_AT=<number>`,
      ).toBe("");
      if (inside.isHere)
        expect(after.heap - before.heap, "the heap does not grow").toBeLessThan(heapGrowthMax);
      expect(after.connections ?? 0).toBeLessThanOrEqual((before.connections ?? 0) + 2);
    });

    test("leave a server that triggers and completes runs, and whose counts are right", {
      timeout: 60_000,
    }, async () => {
      const put = (path: string, json: object) => call(p, "PUT", path, { token: p.apiKey, json });
      expect((await put("/api/v1/environment/pause", { action: "resume" })).status).toBe(200);
      const room = { limit: 100_000, burstFactor: 1 };
      expect((await put("/api/v1/environment/concurrency", room)).status).toBe(200);
      await deploy(p, [{ id: "after" }]);
      const agent = await FakeAgent.enrol(p, "after");
      const runId = await trigger(p, "after", { priority: 1_000_000 });
      const found = await untilLeased(agent, runId);
      const { results } = await agent.report([{ kind: "started", runId, epoch: found.epoch }]);
      expect(results).toMatchObject([{ result: "moved" }]);
      await agent.complete(found);
      expect(await retrieve(p, runId)).toMatchObject({ status: "COMPLETED" });
      expect(await inside.broken?.([p.environmentId, p.otherEnvironmentId])).toEqual(inside.broken && []);
    });
  });
};

/** What the odd requests triggered stands before it. */
const untilLeased = async (agent: FakeAgent, runId: string) => {
  for (let polls = 0; polls < 200; polls++) {
    const found = (await agent.poll(500, 200)).leases.find((lease) => lease.runId === runId);
    if (found !== undefined) return found;
  }
  throw new Error(`no lease of ${runId} came`);
};
