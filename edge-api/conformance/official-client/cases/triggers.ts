import { randomUUID } from "node:crypto";
import { configure, runs, TriggerClient, task, tasks } from "official-trigger-sdk";
import { expect } from "vitest";
import { deploy } from "../../http/client.ts";
import { loseNextAnswer } from "../requests.ts";
import { apiClient, collect, type Scene, sceneLimits, sceneTasks } from "../scene.ts";

/** Section 4.1, and how the client is told where to go. */
export const triggerCases = (scene: Scene): void => {
  const { prove, hands, platform } = scene;

  prove(["configure", "tasks.trigger", "runs.retrieve"], "every option comes back", async () => {
    configure({ baseURL: platform().url, secretKey: platform().apiKey });
    const handle = await tasks.trigger(
      "folder/task",
      { at: new Date(0), text: "schön" },
      {
        ...{ delay: "1h", ttl: "2h", tags: ["user:1", "b"], metadata: { step: 1 }, priority: 3 },
        ...{ maxAttempts: 2, maxDuration: 60, machine: "micro", concurrencyKey: "k" },
        ...{ idempotencyKey: randomUUID(), idempotencyKeyTTL: "1h" },
      },
    );
    expect(handle.publicAccessToken.split(".")).toHaveLength(3);
    const run = await runs.retrieve(handle);
    expect(run).toMatchObject({
      ...{ id: handle.id, status: "DELAYED", taskIdentifier: "folder/task", tags: ["user:1", "b"] },
      ...{ metadata: { step: 1 }, payload: { at: "1970-01-01T00:00:00.000Z", text: "schön" } },
      ...{ isQueued: true, isCompleted: false, depth: 0, triggerFunction: "trigger", attemptCount: 0 },
    });
    expect(run.delayedUntil?.getTime()).toBeGreaterThan(Date.now() + 3_500_000);
    await runs.cancel(handle.id);
  });

  prove(["tasks.trigger"], "20 at once with one idempotency key make one run", async () => {
    const idempotencyKey = randomUUID();
    const handles = await Promise.all(
      Array.from({ length: 20 }, (_, i) => tasks.trigger("hello", { i }, { idempotencyKey })),
    );
    expect(new Set(handles.map(({ id }) => id)).size).toBe(1);
    expect(handles.filter((handle) => !("isCached" in handle && handle.isCached))).toHaveLength(1);
    await hands().finish(handles[0]?.id ?? "");
  });

  prove(["task.trigger"], "a declared task triggers itself", async () => {
    const hello = task({ id: "hello", run: async (payload: { name: string }) => ({ hi: payload.name }) });
    const handle = await hello.trigger({ name: "you" }, { version: undefined });
    await hands().finish(handle.id, { hi: "you" });
    const run = await runs.retrieve<typeof hello>(handle.id);
    expect(run).toMatchObject({ status: "COMPLETED", isSuccess: true, output: { hi: "you" } });
  });

  prove(["TriggerClient"], "two clients work beside each other, each in its environment", async () => {
    const { url, apiKey, otherKey } = platform();
    await deploy(platform(), sceneTasks, { token: otherKey, limits: sceneLimits });
    const here = new TriggerClient({ baseURL: url, accessToken: apiKey });
    const there = new TriggerClient({ baseURL: url, accessToken: otherKey });
    const [one, two] = await Promise.all([
      here.tasks.trigger("hello", {}, { tags: "here" }),
      there.tasks.trigger("hello", {}, { tags: "there" }),
    ]);
    expect((await here.runs.retrieve(one.id)).tags).toEqual(["here"]);
    expect((await there.runs.retrieve(two.id)).tags).toEqual(["there"]);
    await expect(here.runs.retrieve(two.id, { retry: { maxAttempts: 1 } })).rejects.toMatchObject({
      status: 404,
    });
    await there.runs.cancel(two.id);
    await here.runs.cancel(one.id);
  });

  prove(["requests repeated by the client"], "a lost answer makes no second run", async () => {
    const tag = randomUUID();
    loseNextAnswer("POST /api/v1/tasks/:taskId/trigger");
    const { id } = await tasks.trigger("hello", {}, { tags: tag });
    expect((await collect(runs.list({ tag }))).map((run) => run.id)).toEqual([id]);
    await runs.cancel(id);
  });

  prove(["tasks.triggerAndWait (as run)"], "two parents that wait for one child both continue", async () => {
    const parents = await Promise.all(
      [1, 2].map(async () => hands().start((await tasks.trigger("hello", {})).id)),
    );
    const idempotencyKey = randomUUID();
    const children = await Promise.all(
      parents.map(({ runId, runToken, deployment }) =>
        apiClient(scene, runToken).triggerTask("other", {
          payload: "{}",
          options: {
            ...{ parentRunId: runId, resumeParentOnCompletion: true, lockToVersion: deployment.version },
            ...{ payloadType: "application/json", idempotencyKey },
          },
        }),
      ),
    );
    const child = children[0]?.id ?? "";
    expect(children.map(({ id }) => id)).toEqual([child, child]);
    for (const parent of parents) await hands().wait(parent, [{ kind: "run", runId: child }]);
    expect((await runs.retrieve(parents[0]?.runId ?? "")).status).toBe("WAITING");
    await hands().finish(child, { from: "child" });
    for (const { runId } of parents) {
      const continued = await hands().take(runId);
      expect(continued).toMatchObject({
        kind: "continue",
        waits: [{ kind: "run", runId: child, ok: true, output: '{"from":"child"}' }],
      });
      await hands().complete(continued);
    }
    const seen = await runs.retrieve(child);
    expect(seen).toMatchObject({ depth: 1, triggerFunction: "triggerAndWait" });
    expect(seen.relatedRuns.parent?.id).toBe(seen.relatedRuns.root?.id);
  });

  prove(
    ["tasks.triggerAndWait (as run)"],
    "a child whose ttl ends unstarted fails its parent's wait",
    async () => {
      const parent = await hands().start((await tasks.trigger("hello", {})).id);
      const blocker = await hands().start((await tasks.trigger("held", {})).id);
      const { id } = await apiClient(scene, parent.runToken).triggerTask("held", {
        options: { parentRunId: parent.runId, resumeParentOnCompletion: true, ttl: "1s" },
      });
      await hands().wait(parent, [{ kind: "run", runId: id }]);
      const continued = await hands().take(parent.runId);
      expect(continued.waits).toMatchObject([{ kind: "run", runId: id, ok: false }]);
      await hands().complete(continued);
      await hands().complete(blocker);
      const child = await runs.poll(id, { pollIntervalMs: 100 });
      expect(child).toMatchObject({ status: "EXPIRED", isCompleted: true, isSuccess: false });
      expect(child.expiredAt).toBeInstanceOf(Date);
    },
  );

  prove(["tasks.trigger"], "a retry survives a deploy on its own version", async () => {
    const { id } = await tasks.trigger("retried", { n: 1 });
    const first = await hands().start(id);
    const next = await deploy(platform(), sceneTasks, { limits: sceneLimits });
    expect(next.version).not.toBe(first.deployment.version);
    await hands().fail(first, "once", {});
    const second = await hands().start(id);
    expect(second).toMatchObject({ attempt: 2, deployment: { version: first.deployment.version } });
    await hands().complete(second);
    const run = await runs.retrieve(id);
    expect(run).toMatchObject({ status: "COMPLETED", version: first.deployment.version, attemptCount: 2 });
    const pinned = await tasks.trigger("hello", {}, { version: first.deployment.version });
    expect((await hands().take(pinned.id)).deployment.version).toBe(first.deployment.version);
    await runs.cancel(pinned.id);
  });

  prove(["status words of older clients (fetch)"], "without the version header", async () => {
    const { url, apiKey } = platform();
    const wordOf = async (id: string) => {
      const headers = { authorization: `Bearer ${apiKey}` };
      return ((await (await fetch(`${url}/api/v3/runs/${id}`, { headers })).json()) as { status: string })
        .status;
    };
    const { id } = await tasks.trigger("hello", {});
    const lease = await hands().start(id);
    const token = await apiClient(scene).createWaitpointToken({});
    await hands().wait(lease, [{ kind: "token", id: token.id }]);
    expect([await wordOf(id), (await runs.retrieve(id)).status]).toEqual(["FROZEN", "WAITING"]);
    await runs.cancel(id);
  });
};
