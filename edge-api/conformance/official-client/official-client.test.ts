import { configure } from "official-trigger-sdk";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deploy } from "../http/client.ts";
import {
  databaseServer,
  type Platform,
  redisServer,
  startEmbeddedPlatform,
  startNodePlatform,
  startWorkerdPlatform,
} from "../http/platforms.ts";
import { signIn } from "../http/wrong-credentials.ts";
import { absentCases } from "./cases/absent.ts";
import { batchCases } from "./cases/batches.ts";
import { bulkCases } from "./cases/bulk.ts";
import { credentialCases } from "./cases/credentials.ts";
import { deploymentCases } from "./cases/deployments.ts";
import { envVarCases } from "./cases/env-vars.ts";
import { packetCases } from "./cases/packets.ts";
import { queueCases } from "./cases/queues.ts";
import { runCases } from "./cases/runs.ts";
import { scheduleCases } from "./cases/schedules.ts";
import { triggerCases } from "./cases/triggers.ts";
import { waitCases } from "./cases/waits.ts";
import { Hands } from "./hands.ts";
import { Book, proveIn } from "./proof.ts";
import { noteRequests } from "./requests.ts";
import { type Scene, sceneLimits, sceneTasks } from "./scene.ts";

const hasServices = databaseServer !== undefined && redisServer !== undefined;
const platforms: { name: string; isAvailable: boolean; start: () => Promise<Platform> }[] = [
  {
    name: "node+pg",
    isAvailable: hasServices,
    start: () => startNodePlatform({ redisUrl: redisServer ?? "" }),
  },
  { name: "node+pglite", isAvailable: true, start: startEmbeddedPlatform },
  {
    name: "workerd",
    isAvailable: hasServices,
    start: () => startWorkerdPlatform({ redisUrl: redisServer ?? "" }),
  },
];

const book = new Book();
noteRequests();
afterAll(() => {
  process.stdout.write(`\n${book.table(platforms.map(({ name }) => name))}\n`);
});

describe.each(platforms)("the official client against $name", ({ name, isAvailable, start }) => {
  describe.skipIf(!isAvailable)("works unmodified", () => {
    let p: Platform;
    let hands: Hands;
    let ref: string;
    beforeAll(async () => {
      book.open(name);
      p = await start();
      await deploy(p, sceneTasks, { limits: sceneLimits });
      hands = await Hands.enrol(p);
      ref = (await signIn(p)).session.environments[0]?.projectRef ?? "";
      configure({ baseURL: p.url, accessToken: p.apiKey });
    }, 60_000);
    afterAll(() => p?.close());

    const scene: Scene = {
      platform: () => p,
      hands: () => hands,
      ref: () => ref,
      prove: proveIn(book, name),
    };
    triggerCases(scene);
    batchCases(scene);
    runCases(scene);
    bulkCases(scene);
    scheduleCases(scene);
    envVarCases(scene);
    queueCases(scene);
    waitCases(scene);
    credentialCases(scene);
    packetCases(scene);
    deploymentCases(scene);
    absentCases(scene);

    test("every call of the table was proved", () => {
      expect(book.unproved(name)).toEqual([]);
    });
  });
});
