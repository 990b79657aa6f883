import { auth, batch, runs, tasks } from "official-trigger-sdk";
import { expect } from "vitest";
import { call, until } from "../../http/client.ts";
import { createKey } from "../../http/wrong-credentials.ts";
import { apiClient, type Scene } from "../scene.ts";

const once = { retry: { maxAttempts: 1 } };
const statusOf = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 200,
    (error: { status?: number }) => error.status,
  );

/** Section 2. */
export const credentialCases = (scene: Scene): void => {
  const { prove, platform } = scene;
  const as = async <T>(accessToken: string, work: () => Promise<T>): Promise<T> =>
    auth.withAuth({ baseURL: platform().url, accessToken }, work);

  prove(["auth.withAuth"], "a revoked key works in its grace and not after", async () => {
    const { id: keyId, key } = await createKey(platform());
    const { id } = await tasks.trigger("hello", {});
    const read = () => as(key, () => statusOf(runs.retrieve(id, once)));
    expect(await read()).toBe(200);
    const token = platform().apiKey;
    const path = `/api/v1/api-keys/${keyId}/revoke`;
    await call(platform(), "POST", path, { token, json: { graceSeconds: 600 } });
    expect(await read()).toBe(200);
    await call(platform(), "POST", path, { token, json: { graceSeconds: 1 } });
    expect(await until(read, (status) => status !== 200)).toBe(401);
    await runs.cancel(id);
  });

  prove(
    ["auth.createPublicToken", "auth.withPublicToken", "apiClient.createPublicToken"],
    "opens what its scopes say and nothing else",
    async () => {
      const mine = await tasks.trigger("hello", {}, { tags: "file:1" });
      const other = await tasks.trigger("hello", {});
      const options = { scopes: { read: { tags: ["file:1"] } }, expirationTime: "1hr" };
      const token = await auth.createPublicToken(options);
      const read = (id: string) => statusOf(runs.retrieve(id, once));
      await as(token, async () => expect([await read(mine.id), await read(other.id)]).toEqual([200, 403]));
      const body = { scopes: { read: { runs: [other.id] } }, expirationTime: new Date(Date.now() + 60_000) };
      await auth.withPublicToken(body, async () => {
        expect([await read(mine.id), await read(other.id)]).toEqual([403, 200]);
      });
      await as(mine.publicAccessToken, async () => expect(await read(mine.id)).toBe(200));
      const wish = { scopes: ["read:runs"], expirationTime: "90d" };
      expect(await statusOf(apiClient(scene).createPublicToken(wish))).toBe(400);
      for (const { id } of [mine, other]) await runs.cancel(id);
    },
  );

  prove(
    ["auth.createTriggerPublicToken", "auth.withTriggerPublicToken"],
    "triggers its tasks, once unless said otherwise",
    async () => {
      const trigger = (task = "hello") => statusOf(tasks.trigger(task, {}, { ttl: "1s" }, once));
      const single = await auth.createTriggerPublicToken(["hello", "other"]);
      expect([await as(single, trigger), await as(single, trigger)]).toEqual([200, 401]);
      const many = await auth.createTriggerPublicToken("hello", { multipleUse: true, expirationTime: "1h" });
      expect([await as(many, trigger), await as(many, trigger)]).toEqual([200, 200]);
      expect(await as(many, () => trigger("other"))).toBe(403);
      await auth.withTriggerPublicToken("hello", {}, async () => {
        expect(await trigger()).toBe(200);
      });
    },
  );

  prove(
    ["auth.createBatchTriggerPublicToken", "auth.withBatchTriggerPublicToken"],
    "makes a batch and sends its items, once",
    async () => {
      const trigger = () => statusOf(tasks.batchTrigger("hello", [{ payload: {} }, { payload: {} }]));
      const token = await auth.createBatchTriggerPublicToken("hello");
      expect(await as(token, trigger)).toBe(200);
      await auth.withBatchTriggerPublicToken("hello", { multipleUse: true }, async () => {
        expect([await trigger(), await trigger()]).toEqual([200, 200]);
      });
      const handle = await batch.trigger([{ id: "hello", payload: {} }]);
      const { runs: ids } = await as(handle.publicAccessToken, async () => batch.retrieve(handle.batchId));
      expect(ids).toHaveLength(1);
    },
  );

  prove(["apiClient.generateJWTClaims"], "the claims of an environment are its id", async () => {
    expect(await apiClient(scene).generateJWTClaims()).toEqual({ sub: platform().environmentId, pub: true });
  });
};
