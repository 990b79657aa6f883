import { randomUUID } from "node:crypto";
import {
  configure,
  createClient,
  isNotFoundError,
  SubtaskUnwrapError,
  TriggerClient,
  task,
} from "@longshore/sdk";
import { expect, test } from "vitest";
import { deploy } from "../../http/client.ts";
import { sceneLimits, sceneTasks } from "../../official-client/scene.ts";
import { nouns } from "../nouns.ts";
import { asTask, runsWithTag, type Scene } from "../scene.ts";

const { tasks, runs, idempotencyKeys } = nouns;

/** Single triggers, from outside and inside a task. */
export const triggerCases = (scene: Scene): void => {
  const { platform, hands } = scene;
  const hello = task({
    id: "hello",
    run: async (payload: { at: Date }) => ({ year: payload.at.getUTCFullYear() }),
  });

  test("every option of a trigger comes back", async () => {
    const handle = await tasks.trigger(
      "folder/task",
      { at: new Date(0), big: 10n },
      {
        ...{
          delay: new Date(Date.now() + 3_600_000),
          ttl: "2h",
          tags: ["user:1", "b"],
          metadata: { step: 1 },
        },
        ...{ priority: 3, maxAttempts: 2, maxDuration: 60, machine: "micro", concurrencyKey: "k" },
        ...{
          idempotencyKey: randomUUID(),
          idempotencyKeyTTL: "1h",
          queue: "held",
          concurrency: "shared-api",
        },
      },
    );
    expect(handle).toMatchObject({ taskIdentifier: "folder/task", isCached: false });
    expect(handle.publicAccessToken.split(".")).toHaveLength(3);
    const run = await runs.retrieve(handle);
    expect(run).toMatchObject({ status: "DELAYED", tags: ["user:1", "b"], metadata: { step: 1 } });
    expect(run.delayedUntil).toBeInstanceOf(Date);
    expect((await runs.reschedule(handle, { delay: "3h" })).delayedUntil?.getTime()).toBeGreaterThan(
      Date.now() + 3 * 3_600_000 - 60_000,
    );
    expect(await runs.cancel(handle)).toEqual({ id: handle.id });
  });

  test("one idempotency key makes one run, and reset forgets it", async () => {
    const key = await idempotencyKeys.create(randomUUID());
    const [first, second] = [
      await tasks.trigger("hello", 1, { idempotencyKey: key }),
      await tasks.trigger("hello", 2, { idempotencyKey: key }),
    ];
    expect(second).toMatchObject({ id: first.id, isCached: true });
    await idempotencyKeys.reset("hello", key);
    const third = await tasks.trigger("hello", 3, { idempotencyKey: key });
    expect(third.id).not.toBe(first.id);
    for (const { id } of [first, third]) await runs.cancel(id);
    const plain = idempotencyKeys.reset("hello", "no-such-key");
    await expect(plain).rejects.toThrow("parentRunId");
    const missing = await idempotencyKeys
      .reset("hello", "no-such-key", { scope: "global" })
      .catch((error: unknown) => error);
    expect(isNotFoundError(missing)).toBe(true);
  });

  test("debounced triggers make one run", async () => {
    const debounce = { key: randomUUID(), delay: "1h", mode: "trailing" } as const;
    const first = await tasks.trigger("hello", { n: 1 }, { debounce });
    const second = await tasks.trigger("hello", { n: 2 }, { debounce });
    expect(second.id).toBe(first.id);
    expect((await runs.retrieve(first)).payload).toEqual({ n: 2 });
    await runs.cancel(first);
  });

  test("a run is pinned to a version, and by an id of the caller's own to a deployment", async () => {
    const { version } = await deploy(platform(), sceneTasks, { limits: sceneLimits });
    const pinned = await tasks.trigger("hello", {}, { version });
    expect((await hands().take(pinned.id)).deployment.version).toBe(version);
    configure({ baseURL: platform().url, secretKey: platform().apiKey, externalDeploymentId: "sha-unknown" });
    const parked = await tasks.trigger("hello", {}, { delay: "1h" });
    const free = await tasks.trigger("hello", {}, { externalDeploymentId: null, delay: "1h" });
    configure({ baseURL: platform().url, secretKey: platform().apiKey });
    const client = new TriggerClient({
      ...{ baseURL: platform().url, accessToken: platform().apiKey, externalDeploymentId: "sha-unknown" },
    });
    const other = await client.tasks.trigger("hello", {}, { version });
    expect((await hands().take(other.id)).deployment.version).toBe(version);
    for (const { id } of [pinned, parked, free, other]) await runs.cancel(id);
  });

  test("triggerAndPoll answers the run that is over, typed by its task", async () => {
    const tag = randomUUID();
    const ended = tasks.triggerAndPoll<typeof hello>(
      "hello",
      { at: new Date(0) },
      { tags: tag, pollIntervalMs: 20 },
    );
    const [id = ""] = await runsWithTag(scene, tag, 1);
    await hands().finish(id, { year: 1970 });
    expect(await ended).toMatchObject({ id, status: "COMPLETED", output: { year: 1970 } });
    expect(await runs.result(id)).toMatchObject({ ok: true, output: { year: 1970 } });
    expect((await runs.trace(id)).rootSpan.runId).toBe(id);
    expect((await runs.timeline(id)).attempts).toHaveLength(1);
    expect((await runs.logs(id, { limit: 10 })).next).toBeDefined();
    expect((await runs.explain(id)).runId).toBe(id);
  });

  test("a token of the caller's own life time comes with the handle", async () => {
    const handle = await tasks.trigger("hello", {}, {}, { publicAccessToken: { expirationTime: "2h" } });
    const [, claims = ""] = handle.publicAccessToken.split(".");
    const { exp, iat } = JSON.parse(atob(claims.replaceAll("-", "+").replaceAll("_", "/")));
    expect(exp - iat).toBe(7_200);
    const browser = createClient({ baseURL: platform().url, accessToken: handle.publicAccessToken });
    expect((await browser.runs.retrieve(handle)).id).toBe(handle.id);
    await runs.cancel(handle);
  });

  test("clientConfig sends one call elsewhere", async () => {
    await deploy(platform(), sceneTasks, { token: platform().otherKey, limits: sceneLimits });
    const { id } = await tasks.trigger(
      "hello",
      {},
      {},
      { clientConfig: { accessToken: platform().otherKey } },
    );
    await expect(runs.retrieve(id, { retry: { maxAttempts: 1 } })).rejects.toMatchObject({ status: 404 });
    await createClient({ baseURL: platform().url, accessToken: platform().otherKey }).runs.cancel(id);
  });

  test("inside a task a trigger has a parent, and triggerAndWait gives what the child gave", async () => {
    const parent = await tasks.trigger("hello", {});
    const tag = randomUUID();
    const waiting = asTask(scene, parent.id, async () => {
      const won = await hello.triggerAndWait({ at: new Date(0) }, { tags: `${tag}-0` });
      const lost = await tasks.triggerAndWait<typeof hello>(
        "hello",
        { at: new Date(0) },
        { tags: `${tag}-1` },
      );
      const thrown = await hello
        .triggerAndWait({ at: new Date(0) }, { tags: `${tag}-2` })
        .unwrap()
        .catch((error: unknown) => error);
      const free = await tasks.trigger("hello", {}, { tags: `${tag}-3` });
      return { won, lost, thrown, free };
    });
    const [first = ""] = await runsWithTag(scene, `${tag}-0`, 1);
    await hands().finish(first, { year: 1970 });
    for (const place of [1, 2]) {
      const [id = ""] = await runsWithTag(scene, `${tag}-${place}`, 1);
      await hands().fail(await hands().start(id), "broken");
    }
    const { won, lost, thrown, free } = await waiting;
    expect(won).toEqual({ ok: true, id: first, taskIdentifier: "hello", output: { year: 1970 } });
    expect(lost).toMatchObject({ ok: false, error: { message: "broken" } });
    expect(thrown).toBeInstanceOf(SubtaskUnwrapError);
    const seen = await runs.retrieve(free);
    expect(seen).toMatchObject({ depth: 1, triggerFunction: "trigger" });
    expect(seen.relatedRuns.parent?.id).toBe(parent.id);
    await runs.cancel(free);
  });
};
