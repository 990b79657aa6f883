import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { call, deploy, expectError, FakeAgent, until } from "./client.ts";
import {
  databaseServer,
  type Platform,
  redisServer,
  startEmbeddedPlatform,
  startNodePlatform,
  startWorkerdPlatform,
} from "./platforms.ts";

const env = { LONGSHORE_QUEUE_DEPTH: "3" };
const hasServices = databaseServer !== undefined && redisServer !== undefined;
const starts: { name: string; isAvailable: boolean; start: () => Promise<Platform> }[] = [
  {
    name: "Node with Postgres and Redis",
    isAvailable: hasServices,
    start: () => startNodePlatform({ redisUrl: redisServer ?? "", env }),
  },
  {
    name: "Node with nothing beside it",
    isAvailable: true,
    start: () => startEmbeddedPlatform({ env }),
  },
  {
    name: "workerd",
    isAvailable: hasServices,
    start: () => startWorkerdPlatform({ redisUrl: redisServer ?? "", env }),
  },
];

describe.each(starts)("the depth of queues on $name", ({ isAvailable, start }) => {
  describe.skipIf(!isAvailable)("is bounded", () => {
    let p: Platform;
    beforeAll(async () => {
      p = await start();
      await deploy(p, [{ id: "hello" }, { id: "other" }]);
    }, 60_000);
    afterAll(() => p?.close());

    const post = (task: string) =>
      call(p, "POST", `/api/v1/tasks/${task}/trigger`, { token: p.apiKey, json: {} });

    test("a full queue refuses with a sentence that names it, others do not, and room is used again", async () => {
      for (let run = 0; run < 3; run++) expect((await post("hello")).status).toBe(200);
      const refused = expectError(await post("hello"), 422, "unprocessable");
      expect(refused.error).toContain('The queue of task "hello" is full: 3 runs wait in it.');
      expect((await post("other")).status).toBe(200);
      const agent = await FakeAgent.enrol(p);
      expect((await agent.poll(10, 0)).leases.length).toBeGreaterThan(0);
      // What a dear count said is believed for a moment.
      const { status } = await until(
        () => post("hello"),
        (answer) => answer.status !== 422,
      );
      expect(status).toBe(200);
    });
  });
});
