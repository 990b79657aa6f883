import { type Client, configure, createClient } from "@longshore/sdk";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deploy } from "../http/client.ts";
import { type Platform, startEmbeddedPlatform } from "../http/platforms.ts";
import { signIn } from "../http/wrong-credentials.ts";
import { Hands } from "../official-client/hands.ts";
import { sceneLimits, sceneTasks } from "../official-client/scene.ts";
import { batchCases } from "./cases/batches.ts";
import { managementCases } from "./cases/management.ts";
import { packetCases } from "./cases/packets.ts";
import { pageCases } from "./cases/page.ts";
import { portabilityCases } from "./cases/portability.ts";
import { tokenCases } from "./cases/tokens.ts";
import { triggerCases } from "./cases/triggers.ts";
import { calls } from "./nouns.ts";
import type { Scene } from "./scene.ts";

let p: Platform;
let hands: Hands;
let ref: string;
let client: Client;

beforeAll(async () => {
  p = await startEmbeddedPlatform();
  await deploy(p, sceneTasks, { limits: sceneLimits });
  hands = await Hands.enrol(p, 30);
  ref = (await signIn(p)).session.environments[0]?.projectRef ?? "";
  client = createClient({ baseURL: p.url, accessToken: p.apiKey });
  configure({ baseURL: p.url, secretKey: p.apiKey });
}, 60_000);
afterAll(() => p?.close());

const scene: Scene = { platform: () => p, hands: () => hands, ref: () => ref, client: () => client };
triggerCases(scene);
batchCases(scene);
packetCases(scene);
managementCases(scene);
tokenCases(scene);
portabilityCases(scene);
pageCases(scene);

test("every function of every noun that makes a request was called and answered", () => {
  expect(calls.unanswered()).toEqual([]);
});
