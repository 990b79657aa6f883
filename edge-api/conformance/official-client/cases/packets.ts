import { runs, tasks } from "official-trigger-sdk";
import { expect } from "vitest";
import { apiClient, type Scene } from "../scene.ts";

/** Over the size from which the client sends a payload apart. Units: characters. */
const large = 200_000;

/** Section 3. */
export const packetCases = (scene: Scene): void => {
  const { prove, hands } = scene;

  prove(
    ["apiClient.createUploadPayloadUrl", "apiClient.getRunPacketUrl", "apiClient.getPayloadUrl"],
    "a large payload goes and comes apart from its run",
    async () => {
      const payload = { text: "é".repeat(large), at: new Date(0) };
      const { id } = await tasks.trigger("hello", payload);
      const run = await runs.retrieve(id);
      expect(run.payloadPresignedUrl).toMatch(/^http/);
      expect(run.payload).toEqual(payload);
      const lease = await hands().start(id);
      expect(lease.payloadType).toBe("application/store");
      const api = apiClient(scene, lease.runToken);
      const path = lease.payload ?? "";
      const { presignedUrl } = await api.getRunPacketUrl(id, "payload", path);
      const stored = await fetch(presignedUrl);
      expect(stored.headers.get("content-type")).toContain("application/super+json");
      expect((await api.getPayloadUrl(path)).presignedUrl).toMatch(/^http/);
      // A large output as the client's own code inside a task sends it.
      const name = `${id}/attempt_1/output.json`;
      const target = await api.createUploadPayloadUrl(name);
      const body = JSON.stringify({ text: "o".repeat(large) });
      const headers = { "content-type": "application/json" };
      expect((await fetch(target.presignedUrl, { method: "PUT", body, headers })).status).toBe(200);
      await hands().completeStored(lease, target.storagePath ?? name);
      const done = await runs.retrieve(id);
      expect(done.outputPresignedUrl).toMatch(/^http/);
      expect(done.output).toEqual({ text: "o".repeat(large) });
    },
  );

  prove(["apiClient.getPayloadUrl"], "nothing is found under another name", async () => {
    const path = "mine/a.json";
    const { presignedUrl } = await apiClient(scene).createUploadPayloadUrl(path);
    await fetch(presignedUrl, { method: "PUT", body: "1", headers: { "content-type": "application/json" } });
    expect((await apiClient(scene).getPayloadUrl(path)).presignedUrl).toMatch(/^http/);
    const foreign = apiClient(scene, scene.platform().otherKey).getPayloadUrl(path);
    await expect(foreign).rejects.toMatchObject({ status: 404 });
  });
};
