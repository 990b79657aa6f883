import { randomUUID } from "node:crypto";
import { signToken } from "@longshore/edge-api/services/tokens";
import { PacketDownload, PacketUpload } from "@longshore/shared/contract/packets";
import { describe, expect, test } from "vitest";
import {
  type Answer,
  announce,
  call,
  expectError,
  FakeAgent,
  fenceOf,
  retrieve,
  trigger,
} from "../client.ts";
import type { Platform } from "../platforms.ts";

/** Payloads and outputs that are stored apart from their runs. */
export const packetCases = (platform: () => Platform) =>
  describe("packets", () => {
    const pathOf = (path: string, version = "v1") => `/api/${version}/packets/${encodeURIComponent(path)}`;
    const fresh = () => `trigger/packet_${randomUUID()}/payload.json`;
    const upload = async (path: string, version = "v2"): Promise<PacketUpload> => {
      const answer = await call(platform(), "PUT", pathOf(path, version), { token: platform().apiKey });
      expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
      return PacketUpload.parse(answer.json);
    };
    const put = (url: string, body: BodyInit, type = "application/json") =>
      fetch(url, { method: "PUT", headers: { "content-type": type }, body });
    const get = async (answer: Answer): Promise<{ text: string; headers: Headers; status: number }> => {
      expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
      const headers = { origin: "https://app.example.com" };
      const response = await fetch(PacketDownload.parse(answer.json).presignedUrl, { headers });
      return { text: await response.text(), headers: response.headers, status: response.status };
    };

    test.each(["v1", "v2"])(
      "a packet is sent to and fetched from an address, with its type (%s)",
      async (version) => {
        const p = platform();
        const path = fresh();
        const { presignedUrl, storagePath } = await upload(path, version);
        expect(storagePath).toBe(path);
        expect((await put(presignedUrl, '{"json":1}', "application/super+json")).status).toBe(200);
        const fetched = await get(await call(p, "GET", pathOf(path), { token: p.apiKey }));
        expect(fetched).toMatchObject({ status: 200, text: '{"json":1}' });
        expect(fetched.headers.get("content-type")).toBe("application/super+json");
        expect(fetched.headers.get("access-control-allow-origin")).toBe("*");
        // The same name in another environment is another packet.
        const other = await call(p, "GET", pathOf(path), { token: p.otherKey });
        expectError(other, 404);
        const plain = await call(p, "GET", `/api/v1/packets/${path}`, { token: p.apiKey });
        expect((await get(plain)).text).toBe('{"json":1}');
      },
    );

    test("an address is good for its packet and its method alone", async () => {
      const { presignedUrl } = await upload(fresh());
      expect((await fetch(presignedUrl)).status).toBe(401);
      const changed = new URL(presignedUrl);
      changed.searchParams.set("expires", "9999999999");
      expect((await put(changed.href, "{}")).status).toBe(401);
      const { presignedUrl: other } = await upload(fresh());
      const swapped = new URL(other);
      swapped.search = new URL(presignedUrl).search;
      expect((await put(swapped.href, "{}")).status).toBe(401);
      expect((await put(presignedUrl.split("?")[0] ?? "", "{}")).status).toBe(400);
    });

    test("what is no packet is given out as bytes that no browser runs", async () => {
      const path = fresh();
      const { presignedUrl } = await upload(path);
      await put(presignedUrl, "<script>1</script>", "text/html");
      const fetched = await get(await call(platform(), "GET", pathOf(path), { token: platform().apiKey }));
      expect(fetched.headers.get("content-type")).toBe("application/octet-stream");
      expect(fetched.headers.get("x-content-type-options")).toBe("nosniff");
      expect(fetched.headers.get("content-disposition")).toBe("attachment");
    });

    test("a run is triggered with a stored payload, and its agent learns where to fetch it", async () => {
      const p = platform();
      const path = fresh();
      const { presignedUrl } = await upload(path);
      await put(presignedUrl, '{"big":true}');
      const agent = await FakeAgent.enrol(p);
      const id = await trigger(p, "hello", { payloadType: "application/store" }, path);
      const run = await retrieve(p, id);
      expect(run.payload).toBeUndefined();
      expect(await (await fetch(run.payloadPresignedUrl ?? "")).json()).toEqual({ big: true });
      const lease = await agent.lease(id);
      expect(lease).toMatchObject({ payload: path, payloadType: "application/store" });
      expect(await (await fetch(new URL(lease.payloadUrl ?? "", p.url))).json()).toEqual({ big: true });
      const packet = await call(p, "GET", `/api/v1/runs/${id}/packets/payload`, { token: p.apiKey });
      expect((await get(packet)).text).toBe('{"big":true}');
      expectError(await call(p, "GET", `/api/v1/runs/${id}/packets/output`, { token: p.apiKey }), 404);
      expectError(await call(p, "GET", `/api/v1/runs/${id}/packets/constructor`, { token: p.apiKey }), 404);
      await agent.report([{ ...fenceOf(lease), kind: "started" }]);
      await agent.complete(lease);
    });

    test("large payloads and outputs leave the row by themselves, and a parent still receives the output", async () => {
      const p = platform();
      const big = "ä".repeat(300_000);
      const agent = await FakeAgent.enrol(p);
      const parent = await agent.execute("hello");
      const options = { parentRunId: parent.runId, resumeParentOnCompletion: true };
      const id = await trigger(p, "hello", options, { big });
      const run = await retrieve(p, id);
      expect(run.payload).toBeUndefined();
      expect(await (await fetch(run.payloadPresignedUrl ?? "")).json()).toEqual({ big });
      await agent.report([{ ...fenceOf(parent), kind: "waiting", waits: [{ kind: "run", runId: id }] }]);
      const lease = await agent.lease(id);
      expect(lease.payloadType).toBe("application/store");
      await agent.report([{ ...fenceOf(lease), kind: "started" }]);
      await agent.complete(lease, JSON.stringify(big));
      const done = await retrieve(p, id);
      if (done.status !== "COMPLETED") throw new Error(done.status);
      expect(done.output).toBeUndefined();
      expect(await (await fetch(done.outputPresignedUrl ?? "")).json()).toBe(big);
      const token = await signToken(
        { secret: p.secret },
        p.environmentId,
        { scopes: [`read:runs:${id}`] },
        60,
      );
      const stored = await call(p, "GET", `/api/v1/runs/${id}/packets/output`, { token });
      expect((await get(stored)).text).toBe(JSON.stringify(big));
      const continued = await agent.lease(parent.runId);
      expect(continued.waits).toMatchObject([
        { ok: true, output: JSON.stringify(big), outputType: "application/json" },
      ]);
      await agent.complete(continued);
    });

    test("an output that no packet holds fails its run", async () => {
      const p = platform();
      const agent = await FakeAgent.enrol(p);
      const lease = await agent.execute("hello");
      await agent.complete(lease, JSON.stringify("x".repeat(10 * 1024 * 1024)));
      expect(await retrieve(p, lease.runId)).toMatchObject({
        isFailed: true,
        error: { name: "TASK_OUTPUT_ERROR" },
      });
    });

    test("413 for a packet over 10 MB; 400 for paths that are none; 403 without a right", async () => {
      const p = platform();
      const { presignedUrl } = await upload(fresh());
      const { pathname, search } = new URL(presignedUrl);
      const headers = { "content-type": "application/json", "content-length": `${10 * 1024 * 1024 + 1}` };
      expect(await announce(p, "PUT", `${pathname}${search}`, headers)).toMatchObject({ status: 413 });
      for (const path of [
        "a//b",
        "../a",
        "a/../b",
        "/a",
        "a/",
        "x".repeat(1_025),
        "a\nb",
        "longshore/run/x",
      ]) {
        const refused = await call(p, "PUT", pathOf(path, "v2"), { token: p.apiKey });
        // What is no segment of an address names no route at all.
        expect([400, 404], path).toContain(refused.status);
      }
      const options = { payloadType: "application/store" };
      const wrong = { token: p.apiKey, json: { payload: "../x", options } };
      expectError(await call(p, "POST", "/api/v1/tasks/hello/trigger", wrong), 400);
      const token = await signToken(
        { secret: p.secret },
        p.environmentId,
        { scopes: ["read:runs:run_x"] },
        60,
      );
      expectError(await call(p, "GET", pathOf("longshore/run_y/output_1"), { token }), 403);
      expectError(await call(p, "PUT", pathOf(fresh(), "v2"), { token }), 403);
    });
  });
