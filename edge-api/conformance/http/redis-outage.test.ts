import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isRunning } from "../../../infra/src/services/service.ts";
import { type OwnRedis, startRedis } from "../../../infra/src/services/start-redis.ts";
import { call, deploy, FakeAgent, retrieve, trigger, until } from "./client.ts";
import {
  databaseServer,
  type Platform,
  redisServer,
  startNodePlatform,
  startWorkerdPlatform,
} from "./platforms.ts";

const starts = [
  { name: "Node", start: startNodePlatform as (options: { redisUrl: string }) => Promise<Platform> },
  { name: "workerd", start: startWorkerdPlatform },
];

describe.each(starts)("Redis dies under the API on $name", ({ start }) => {
  describe.skipIf(databaseServer === undefined || redisServer === undefined)("and comes back empty", () => {
    let redis: OwnRedis;
    let p: Platform;
    beforeAll(async () => {
      const service = await startRedis();
      if (!isRunning(service)) throw new Error(service.missing);
      redis = service;
      p = await start({ redisUrl: redis.url });
      await deploy(p, [{ id: "hello" }]);
    }, 60_000);
    afterAll(async () => {
      await p?.close();
      await redis?.stop();
    });

    const isListed = (agent: FakeAgent) =>
      until(
        async () => (await call(p, "GET", "/api/v1/agents", { token: p.apiKey })).text,
        (text) => text.includes(agent.id),
      );

    test("a parked poll still gets the run, reports work, and hints work again afterwards", async () => {
      const agent = await FakeAgent.enrol(p);
      const take = async (id: string) => {
        const lease = await agent.lease(id);
        await agent.report([{ runId: id, epoch: lease.epoch, kind: "started" }]);
        await agent.complete(lease);
        expect(await retrieve(p, id)).toMatchObject({ status: "COMPLETED" });
      };
      await agent.poll(1);
      const parked = agent.poll(1, 20_000);
      await isListed(agent);
      await redis.kill();
      const id = await trigger(p, "hello");
      const { leases } = await parked;
      if (leases.length === 0) await take(id);
      else {
        expect(leases).toMatchObject([{ runId: id }]);
        await agent.report([{ runId: id, epoch: 1, kind: "started" }]);
        await agent.complete({ runId: id, epoch: 1 });
      }
      await take(await trigger(p, "hello"));
      await redis.restart();
      await take(await trigger(p, "hello"));
      // An idle agent whose cursor says "nothing new" is answered by the hint alone.
      const again = until(
        () => agent.poll(1, 10_000),
        (response) => response.leases.length > 0,
      );
      const last = await trigger(p, "hello");
      expect((await again).leases).toMatchObject([{ runId: last }]);
    }, 60_000);
  });
});
