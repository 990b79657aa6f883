import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { createPersonal, signIn } from "../../http/wrong-credentials.ts";
import { nouns } from "../nouns.ts";
import { asTask, collect, type Scene } from "../scene.ts";

const { runs, tasks, schedules, envvars, queues, concurrencyLimits, deployments, auth } = nouns;
const quick = { pollIntervalMs: 20 };
const once = { retry: { maxAttempts: 1 } };

/** Runs in numbers, schedules, variables, queues, limits, deployments. */
export const managementCases = (scene: Scene): void => {
  const { hands, platform, ref } = scene;

  test("runs are listed by pages in both directions, filtered, replayed", async () => {
    const tag = randomUUID();
    for (const n of [1, 2, 3]) await tasks.trigger("hello", { n }, { tags: tag });
    const first = await runs.list({ tag, limit: 2, queue: { type: "task", name: "hello" } });
    expect(first.data).toHaveLength(2);
    const second = await first.getNextPage();
    expect(second.data).toHaveLength(1);
    expect((await second.getPreviousPage()).data).toEqual(first.data);
    await expect(second.getNextPage()).rejects.toThrow("no next page");
    expect(await collect(runs.list({ tag, status: "QUEUED", isTest: false, limit: 1 }))).toHaveLength(3);
    const id = first.data[0]?.id ?? "";
    await hands().finish(id);
    const replayed = await runs.replay(id, { payload: { n: 9, at: new Date(0) }, tags: "again" });
    expect((await runs.retrieve(replayed)).payload).toEqual({ n: 9, at: "1970-01-01T00:00:00.000Z" });
    await runs.cancel(replayed);
    for (const run of await collect(runs.list({ tag }))) await runs.cancel(run.id);
    expect(
      await runs.result((await tasks.trigger("hello", {}, { delay: "1h", tags: tag })).id),
    ).toBeUndefined();
    expect((await runs.poll(id, quick)).status).toBe("COMPLETED");
  });

  test("bulk actions cancel, replay, list, end", async () => {
    const tag = randomUUID();
    const ids: string[] = [];
    for (const n of [1, 2, 3]) ids.push((await tasks.trigger("hello", { n }, { tags: tag })).id);
    const { id } = await runs.bulk.cancel({ filter: { tag, queue: "task/hello" }, name: "clean up" });
    const done = await runs.bulk.poll(id, quick);
    expect(done).toMatchObject({ type: "CANCEL", status: "COMPLETED", counts: { total: 3, success: 3 } });
    expect(done.createdAt).toBeInstanceOf(Date);
    expect(await runs.bulk.retrieve(id)).toEqual(done);
    expect((await collect(runs.bulk.list({ limit: 1 }), 5)).map((each) => each.id)).toContain(id);
    const replay = await runs.bulk.replay({ runIds: ids });
    expect(await runs.bulk.poll(replay.id, quick)).toMatchObject({ type: "REPLAY", counts: { success: 3 } });
    const last = await runs.bulk.cancel({ filter: { tag } });
    expect(await runs.bulk.abort(last.id)).toEqual({ id: last.id });
    for (const run of await collect(runs.list({ tag }))) await runs.cancel(run.id);
  });

  test("schedules are made, changed, paused, listed, deleted", async () => {
    const deduplicationKey = randomUUID();
    const made = await schedules.create({
      ...{
        task: "hello",
        cron: "0 5 * * *",
        deduplicationKey,
        externalId: "user:1",
        timezone: "Europe/Vienna",
      },
    });
    expect(made).toMatchObject({ active: true, deduplicationKey, generator: { expression: "0 5 * * *" } });
    expect(made.nextRun).toBeInstanceOf(Date);
    expect(await schedules.retrieve(made.id)).toEqual(made);
    const changed = await schedules.update(made.id, { task: "hello", cron: "30 5 * * *" });
    expect(changed.generator.expression).toBe("30 5 * * *");
    expect((await schedules.deactivate(made.id)).active).toBe(false);
    expect((await schedules.activate(made.id)).active).toBe(true);
    expect((await collect(schedules.list({ perPage: 1 }))).map(({ id }) => id)).toContain(made.id);
    expect(await schedules.del(made.id)).toEqual({ id: made.id });
    const bad = schedules.create({ task: "hello", cron: "whenever", deduplicationKey });
    await expect(bad).rejects.toMatchObject({ name: "TriggerApiError" });
    const { timezones } = await schedules.timezones({ excludeUtc: true });
    expect(timezones).toContain("Europe/Vienna");
    expect(timezones).not.toContain("UTC");
  });

  test("variables are set, read, changed, imported, deleted; inside a task without naming the place", async () => {
    await expect(envvars.list()).rejects.toThrow("outside a task");
    await expect(envvars.retrieve("PLAIN")).rejects.toThrow("outside a task");
    const success = { success: true };
    expect(await envvars.create(ref(), "dev", { name: "PLAIN", value: "a" })).toEqual(success);
    expect(await envvars.update(ref(), "dev", "PLAIN", { value: "b" })).toEqual(success);
    expect(await envvars.retrieve(ref(), "dev", "PLAIN")).toMatchObject({ value: "b", isSecret: false });
    const params = { variables: { PLAIN: "c", HIDDEN: "d" }, override: true, isSecret: true };
    expect(await envvars.upload(ref(), "dev", params)).toEqual(success);
    const { id } = await tasks.trigger("hello", {});
    const names = await asTask(scene, id, async () => (await envvars.list()).map(({ name }) => name));
    expect(names).toEqual(expect.arrayContaining(["PLAIN", "HIDDEN"]));
    for (const name of ["PLAIN", "HIDDEN"]) expect(await envvars.del(ref(), "dev", name)).toEqual(success);
    await expect(envvars.update(ref(), "dev", "PLAIN", { value: "x" }, once)).rejects.toMatchObject({
      status: 404,
    });
  });

  test("queues are paused, resumed and narrowed", async () => {
    const narrow = { type: "custom", name: "narrow/queue" } as const;
    const found = await queues.retrieve(narrow);
    expect(found).toMatchObject({ ...narrow, concurrencyLimit: 2, paused: false });
    expect((await collect(queues.list({ perPage: 2 }))).map(({ name }) => name)).toContain("narrow/queue");
    expect(await queues.retrieve(found.id)).toEqual(found);
    expect((await queues.pause(narrow)).paused).toBe(true);
    expect((await queues.resume(narrow)).paused).toBe(false);
    const changed = await queues.overrideConcurrencyLimit(narrow, 1);
    expect(changed.concurrency.overriddenAt).toBeInstanceOf(Date);
    expect((await queues.resetConcurrencyLimit(narrow)).concurrency.override).toBeNull();
  });

  test("a named limit as a whole, and for one key", async () => {
    const key = { concurrencyKey: "user:1" };
    expect((await collect(concurrencyLimits.list({ perPage: 1 }))).map(({ name }) => name)).toContain(
      "shared-api",
    );
    expect(await concurrencyLimits.retrieve("shared-api", once)).toMatchObject({ total: { base: 5 } });
    expect((await concurrencyLimits.override("shared-api", { total: 7 })).total.overriddenAt).toBeInstanceOf(
      Date,
    );
    expect((await concurrencyLimits.reset("shared-api")).total.override).toBeNull();
    expect((await concurrencyLimits.pause("shared-api")).paused).toBe(true);
    expect((await concurrencyLimits.resume("shared-api")).paused).toBe(false);
    const ofKey = await concurrencyLimits.override("shared-api", { ...key, perKey: 4, ttl: "1h" });
    expect(ofKey.perKey.expiresAt).toBeInstanceOf(Date);
    expect(await concurrencyLimits.retrieve("shared-api", key)).toMatchObject({
      ...key,
      perKey: { current: 4 },
    });
    expect((await concurrencyLimits.reset("shared-api", key)).perKey.override).toBeNull();
  });

  test("deployments are listed, read, promoted, rolled back", async () => {
    const current = await deployments.retrieveCurrent();
    expect(current.deployedAt).toBeInstanceOf(Date);
    const listed = await collect(deployments.list({ limit: 1, status: "DEPLOYED" }));
    expect(listed.map(({ id }) => id)).toContain(current.id);
    expect(await deployments.retrieve(current.version)).toEqual(current);
    const older = listed.find(({ id }) => id !== current.id);
    expect(await deployments.promote(older?.id ?? "")).toMatchObject({ id: older?.id, isCurrent: true });
    expect(await deployments.rollback({ version: current.version })).toMatchObject({ id: current.id });
  });

  test("the runs of a project are listed by a person's token", async () => {
    const { cookie } = await signIn(platform());
    const { token } = await createPersonal(platform(), cookie);
    const { id } = await tasks.trigger("hello", {}, { tags: "of-project" });
    await auth.withAuth({ accessToken: token }, async () => {
      const { data } = await runs.list(ref(), { env: "dev", tag: "of-project" });
      expect(data.map((run) => run.id)).toContain(id);
    });
    await runs.cancel(id);
  });
};
