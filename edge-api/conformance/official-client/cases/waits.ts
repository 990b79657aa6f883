import { randomUUID } from "node:crypto";
import { runs, tasks, wait } from "official-trigger-sdk";
import { expect } from "vitest";
import { apiClient, collect, type Scene } from "../scene.ts";

/** Sections 4.8 and 4.9. */
export const waitCases = (scene: Scene): void => {
  const { prove, hands } = scene;

  prove(
    ["wait.createToken", "wait.listTokens", "wait.retrieveToken", "wait.completeToken"],
    "a token is made, listed, read, and completed by its own public token",
    async () => {
      const tag = randomUUID();
      const options = { idempotencyKey: randomUUID(), idempotencyKeyTTL: "1h", tags: [tag], timeout: "1h" };
      const token = await wait.createToken(options);
      expect((await wait.createToken(options)).id).toBe(token.id);
      const other = await wait.createToken({ tags: [tag], timeout: new Date(Date.now() + 60_000) });
      const listed = await collect(wait.listTokens({ tags: [tag], limit: 1 }));
      expect(listed.map(({ id }) => id)).toEqual([other.id, token.id]);
      expect(await collect(wait.listTokens({ tags: [tag], status: ["COMPLETED"], period: "1h" }))).toEqual(
        [],
      );
      const api = apiClient(scene, token.publicAccessToken);
      expect(await api.completeWaitpointToken(token.id, { data: { yes: true } })).toEqual({ success: true });
      expect(await wait.completeToken(other, { at: new Date(0) })).toMatchObject({ success: true });
      const seen = await wait.retrieveToken<{ yes: boolean }>(token);
      expect(seen).toMatchObject({ id: token.id, status: "COMPLETED", output: { yes: true }, tags: [tag] });
      expect(seen.completedAt).toBeInstanceOf(Date);
    },
  );

  prove(["token.url (fetch)"], "whoever has the address completes the token", async () => {
    const { id, url } = await wait.createToken({});
    const answer = await fetch(url, { method: "POST", body: JSON.stringify({ from: "webhook" }) });
    expect(answer.status).toBe(200);
    expect(await wait.retrieveToken(id)).toMatchObject({ output: { from: "webhook" } });
  });

  prove(["wait.retrieveToken"], "a token that timed out says so", async () => {
    const { id } = await wait.createToken({ timeout: "1s" });
    const lease = await hands().start((await tasks.trigger("hello", {})).id);
    await hands().wait(lease, [{ kind: "token", id }]);
    const continued = await hands().take(lease.runId);
    expect(continued.waits).toMatchObject([{ id, ok: false }]);
    await hands().complete(continued);
    const seen = await wait.retrieveToken(id);
    expect(seen).toMatchObject({ status: "TIMED_OUT", error: expect.any(Error) });
  });

  prove(["apiClient.waitForDuration"], "a run registers the time it waits for", async () => {
    const lease = await hands().start((await tasks.trigger("hello", {})).id);
    const api = apiClient(scene, lease.runToken);
    const body = { date: new Date(Date.now() + 1_000), idempotencyKey: randomUUID() };
    const made = await api.waitForDuration(lease.runId, body);
    expect(made.waitUntil.getTime()).toBe(body.date.getTime());
    expect((await api.waitForDuration(lease.runId, body)).waitpoint.id).toBe(made.waitpoint.id);
    const at = made.waitUntil.toISOString();
    await hands().wait(lease, [{ kind: "time", id: made.waitpoint.id, at }]);
    expect(await runs.retrieve(lease.runId)).toMatchObject({ status: "WAITING", isWaiting: true });
    await hands().complete(await hands().take(lease.runId));
  });

  prove(
    ["apiClient.waitForWaitpointToken", "wait.completeToken"],
    "50 wait points of one run, completed at once, continue it once",
    async () => {
      const lease = await hands().start((await tasks.trigger("hello", {})).id);
      const api = apiClient(scene, lease.runToken);
      const tokens = await Promise.all(Array.from({ length: 50 }, () => wait.createToken({})));
      const first = tokens[0]?.id ?? "";
      const announced = { runFriendlyId: lease.runId, waitpointFriendlyId: first };
      expect(await api.waitForWaitpointToken(announced)).toEqual({ success: true });
      await hands().wait(
        lease,
        tokens.map(({ id }) => ({ kind: "token" as const, id })),
      );
      await Promise.all(tokens.map((token, n) => wait.completeToken(token, { n })));
      const continued = await hands().take(lease.runId);
      const byId = new Map(continued.waits.map((each) => [each.id, each]));
      expect(tokens.map(({ id }) => byId.get(id)?.output)).toEqual(tokens.map((_, n) => `{"n":${n}}`));
      expect(await hands().offered([lease.runId])).toEqual([]);
      await hands().complete(continued);
    },
  );
};
