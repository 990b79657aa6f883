import { randomBytes } from "node:crypto";
import { TaskList } from "@longshore/shared/contract/dashboard";
import { Deployment } from "@longshore/shared/contract/deployments";
import { describe, expect, test } from "vitest";
import { announce, call, deploy, expectError, hashOf, manifestOf, retrieve, trigger } from "../client.ts";
import type { Platform } from "../platforms.ts";

const common = [{ id: "hello" }, { id: "other" }, { id: "folder/task" }];

/** Bundles, deployments and what they hold. */
export const deploymentCases = (platform: () => Platform) =>
  describe("deployments", () => {
    const api = (
      method: string,
      path: string,
      options: { json?: unknown; body?: BodyInit; token?: string; headers?: Record<string, string> } = {},
    ) => call(platform(), method, path, { token: platform().apiKey, ...options });
    const create = (bundleHash: string, tasks: object[]) =>
      api("POST", "/api/v1/deployments", { json: { bundleHash, manifest: manifestOf(tasks) } });
    const upload = async () => {
      const bytes = new Uint8Array(randomBytes(32));
      return { bytes, hash: hashOf(bytes) };
    };

    test("bundles: 404 before, 200 after, created once", async () => {
      const { bytes, hash } = await upload();
      expect((await api("HEAD", `/api/v1/bundles/${hash}`)).status).toBe(404);
      const first = await api("PUT", `/api/v1/bundles/${hash}`, { body: bytes });
      expect(first.json).toEqual({ hash, sizeBytes: 32, created: true });
      expect((await api("PUT", `/api/v1/bundles/${hash}`, { body: bytes })).json).toMatchObject({
        created: false,
      });
      expect((await api("HEAD", `/api/v1/bundles/${hash}`)).status).toBe(200);
      expectError(await api("GET", `/api/v1/bundles/${hash}`), 405, "method_not_allowed");
    });

    test("bundles: 422 when the bytes are not what their name says, 400 for a name that is no hash", async () => {
      const { bytes } = await upload();
      const other = "0".repeat(64);
      expectError(await api("PUT", `/api/v1/bundles/${other}`, { body: bytes }), 422, "unprocessable");
      expect((await api("HEAD", `/api/v1/bundles/${other}`)).status).toBe(404);
      expectError(await api("PUT", "/api/v1/bundles/name", { body: bytes }), 400);
    });

    test("bundles: 413 for more than 100 MB, by the announced length alone", async () => {
      const answer = await announce(platform(), "PUT", `/api/v1/bundles/${"1".repeat(64)}`, {
        authorization: `Bearer ${platform().apiKey}`,
        "content-length": String(100 * 1024 * 1024 + 1),
      });
      expect(answer).toMatchObject({ status: 413 });
    });

    test("a bundle is assembled of its parts, which are gone then; a missing part is named, another order is refused", async () => {
      const parts = [await upload(), await upload()];
      const whole = new Uint8Array(parts.flatMap(({ bytes }) => [...bytes]));
      const assemble = (hashes: string[]) =>
        api("POST", `/api/v1/bundles/${hashOf(whole)}/assemble`, { json: { parts: hashes } });
      const [one, two] = parts.map(({ hash }) => hash) as [string, string];
      expect((await api("HEAD", `/api/v1/bundle-parts/${one}`)).status).toBe(404);
      expectError(
        await api("PUT", `/api/v1/bundle-parts/${two}`, { body: parts[0]?.bytes as BodyInit }),
        422,
      );
      for (const { hash, bytes } of parts) {
        const put = await api("PUT", `/api/v1/bundle-parts/${hash}`, { body: bytes });
        expect(put.json).toEqual({ sizeBytes: 32 });
        expect((await api("HEAD", `/api/v1/bundle-parts/${hash}`)).status).toBe(200);
        expectError(await api("GET", `/api/v1/bundle-parts/${hash}`), 405, "method_not_allowed");
      }
      const lacking = await assemble([one, "0".repeat(64)]);
      expectError(lacking, 422, "unprocessable");
      expect(lacking.text).toContain(`The part ${"0".repeat(64)} has not been uploaded`);
      expectError(await assemble([two, one]), 422, "unprocessable");
      expectError(await assemble([]), 400);
      expect((await assemble([one, two])).json).toMatchObject({ hash: hashOf(whole), sizeBytes: 64 });
      expect((await api("HEAD", `/api/v1/bundles/${hashOf(whole)}`)).status).toBe(200);
      await expect.poll(async () => (await api("HEAD", `/api/v1/bundle-parts/${one}`)).status).toBe(404);
    });

    test("finalise needs every layer; a deployment's variables are set, and the names of all are answered", async () => {
      const [code, layer] = [await upload(), await upload()];
      const layers = [{ hash: layer.hash, sizeBytes: 32 }];
      await api("PUT", `/api/v1/bundles/${code.hash}`, { body: code.bytes });
      const manifest = { ...manifestOf(common), layers };
      const made = await api("POST", "/api/v1/deployments", { json: { bundleHash: code.hash, manifest } });
      const { id } = Deployment.parse(made.json);
      expectError(await api("POST", `/api/v1/deployments/${id}/finalise`), 422, "unprocessable");
      await api("PUT", `/api/v1/bundles/${layer.hash}`, { body: layer.bytes });
      expect((await api("POST", `/api/v1/deployments/${id}/finalise`)).json).toMatchObject({
        status: "DEPLOYED",
      });
      const set = (imports: object[], of = id) =>
        api("POST", `/api/v1/deployments/${of}/variables`, { json: { imports } });
      const one = { variables: { OF_DEPLOYMENT: "1" }, isSecret: false };
      const answer = await set([one, { variables: { ALSO_SECRET: "2" }, isSecret: true }]);
      expect(answer.json).toMatchObject({ names: expect.arrayContaining(["OF_DEPLOYMENT", "ALSO_SECRET"]) });
      expectError(await set([one], "deployment_none"), 404);
      expectError(await set([{ variables: { "no name": "1" } }]), 400);
    });

    test("create answers a version that nothing uses yet; finalise needs the bundle: 422; promote needs finalise: 422", async () => {
      const before = (await api("GET", "/api/v1/tasks")).text;
      const { bytes, hash } = await upload();
      const made = Deployment.parse((await create(hash, [{ id: "new" }])).json);
      expect(made).toMatchObject({ status: "PENDING", isCurrent: false, taskCount: 1 });
      expectError(await api("POST", `/api/v1/deployments/${made.id}/finalise`), 422);
      expectError(await api("POST", `/api/v1/deployments/${made.id}/promote`), 422);
      expect((await api("GET", "/api/v1/tasks")).text).toBe(before);
      await api("PUT", `/api/v1/bundles/${hash}`, { body: bytes });
      const done = await api("POST", `/api/v1/deployments/${made.id}/finalise`);
      expect(done.json).toMatchObject({ status: "DEPLOYED", isCurrent: false });
      expect((await api("POST", `/api/v1/deployments/${made.id}/finalise`)).json).toEqual(done.json);
    });

    test("a deployment that fails leaves the running version as it was", async () => {
      const current = await deploy(platform(), common);
      const broken = Deployment.parse((await create("2".repeat(64), [{ id: "hello" }])).json);
      expectError(await api("POST", `/api/v1/deployments/${broken.id}/finalise`), 422);
      expectError(await create("2".repeat(64), [{ id: "a" }, { id: "a" }]), 422);
      expectError(await create("no hash", common), 400);
      expectError(await create("2".repeat(64), [{ id: "" }]), 400);
      const id = await trigger(platform(), "hello");
      const list = (await api("GET", "/api/v1/deployments")).json as { data: Deployment[] };
      expect(list.data.filter(({ isCurrent }) => isCurrent).map((row) => row.id)).toEqual([current.id]);
      expect(await retrieve(platform(), id)).toMatchObject({ status: "QUEUED" });
    });

    test("versions count up within a day, also when they are made at once", async () => {
      const answers = await Promise.all(Array.from({ length: 5 }, () => create("3".repeat(64), common)));
      const versions = answers.map(({ json }) => Deployment.parse(json).version);
      expect(new Set(versions).size).toBe(5);
      for (const version of versions) expect(version).toMatch(/^\d{8}\.\d+$/);
    });

    test("list pages newest first, promote moves the current one back", async () => {
      const older = await deploy(platform(), common);
      const newer = await deploy(platform(), common);
      const page = (await api("GET", "/api/v1/deployments?page[size]=1")).json as {
        data: Deployment[];
        pagination: { next: string };
      };
      expect(page.data.map(({ id }) => id)).toEqual([newer.id]);
      const next = await api("GET", `/api/v1/deployments?page[size]=1&page[after]=${page.pagination.next}`);
      expect(next.json).toMatchObject({ data: [{ id: older.id, isCurrent: false }] });
      const back = await api("POST", `/api/v1/deployments/${older.id}/promote`);
      expect(back.json).toMatchObject({ id: older.id, isCurrent: true });
      expectError(await api("GET", "/api/v1/deployments?page[size]=0"), 400);
    });

    test("one is read by id or version, and the current one by that word", async () => {
      const { hash } = await upload();
      const git = { commitSha: "abc", dirty: false };
      const json = { bundleHash: hash, manifest: manifestOf(common), externalId: "ext-1", git };
      const made = Deployment.parse((await api("POST", "/api/v1/deployments", { json })).json);
      expect(made).toMatchObject({ externalId: "ext-1", git, runtime: "node", runtimeVersion: "20" });
      for (const name of [made.id, made.version])
        expect((await api("GET", `/api/v1/deployments/${name}`)).json).toEqual(made);
      const current = await deploy(platform(), common);
      expect((await api("GET", "/api/v1/deployments/current")).json).toMatchObject({
        id: current.id,
        isCurrent: true,
        deployedAt: expect.any(String),
      });
      const token = platform().otherKey;
      expectError(await api("GET", `/api/v1/deployments/${made.id}`, { token }), 404, "not_found");
      expectError(await api("GET", "/api/v1/deployments/current", { token }), 404, "not_found");
      const tooMuch = { ...json, git: { text: "x".repeat(17_000) } };
      expectError(await api("POST", "/api/v1/deployments", { json: tooMuch }), 400);
    });

    const createWith = async (manifest: string, git: string) => {
      const body = `{"bundleHash":"${(await upload()).hash}","manifest":${manifest},"git":${git}}`;
      return api("POST", "/api/v1/deployments", { body, headers: { "content-type": "application/json" } });
    };
    const manifestWith = (payloadSchema: string) =>
      JSON.stringify(manifestOf([{ id: "a" }, { id: "b", payloadSchema: "here" }])).replace(
        '"here"',
        payloadSchema,
      );

    test.each([
      ["git.a.1", "{}", '{"a":[null,-1e400]}'],
      ["manifest.tasks.1.payloadSchema", "1e400", "{}"],
      ["manifest.tasks.1.payloadSchema.maximum", '{"type":"number","default":null,"maximum":1e400}', "{}"],
    ])("422 for a number that no double holds, naming %s", async (field, payloadSchema, git) => {
      const { error } = expectError(await createWith(manifestWith(payloadSchema), git), 422, "unprocessable");
      expect(error).toBe(`${field} is a number that is too large to be kept.`);
    });

    test("what is nested deeper than can be kept is refused as the caller's", async () => {
      const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;
      expectError(await createWith(manifestWith(deep), "{}"), 422, "unprocessable");
      expectError(await createWith(manifestWith("{}"), `{"a":${deep}}`), 400, "bad_request");
    });

    test("a deployment that is failed keeps its first reason, and is never finalised", async () => {
      const { bytes, hash } = await upload();
      await api("PUT", `/api/v1/bundles/${hash}`, { body: bytes });
      const { id } = Deployment.parse((await create(hash, common)).json);
      const error = { name: "BuildError", message: "no such file", stderr: "a\nb" };
      const fail = (json: object) => api("POST", `/api/v1/deployments/${id}/fail`, { json });
      expect((await fail({ error })).json).toMatchObject({ id, status: "FAILED", error });
      expect((await fail({ error: { name: "Other", message: "" } })).json).toMatchObject({ error });
      expectError(await api("POST", `/api/v1/deployments/${id}/finalise`), 422, "unprocessable");
      expectError(await fail({ error: "text" }), 400);
      const current = await deploy(platform(), common);
      expectError(await api("POST", `/api/v1/deployments/${current.id}/fail`, { json: { error } }), 422);
      const none = "/api/v1/deployments/deployment_none/fail";
      expectError(await api("POST", none, { json: { error } }), 404);
    });

    test("a rollback takes the deployed version before, or the named one, and a repeat does nothing", async () => {
      const first = await deploy(platform(), common);
      const second = await deploy(platform(), common);
      await create("4".repeat(64), common);
      const third = await deploy(platform(), common);
      const back = (json?: object) =>
        api("POST", "/api/v1/deployments/rollback", json === undefined ? {} : { json });
      expect((await back()).json).toMatchObject({ id: second.id, isCurrent: true });
      expectError(await back({ from: third.version }), 422, "unprocessable");
      expect((await back({ from: second.version })).json).toMatchObject({ id: first.id });
      expect((await back({ version: third.version })).json).toMatchObject({ id: third.id });
      const promote = await api("POST", `/api/v1/deployments/${second.version}/promote`);
      expect(promote.json).toMatchObject({ id: second.id, isCurrent: true });
      expectError(await back({ version: "20010101.1" }), 404);
      expectError(
        await api("POST", "/api/v1/deployments/rollback", { token: platform().otherKey }),
        422,
        "unprocessable",
      );
      await api("POST", `/api/v1/deployments/${third.id}/promote`);
    });

    test("the list is filtered by status and time, and pages through what is left", async () => {
      const makeFailed = async () => {
        const made = Deployment.parse((await create("5".repeat(64), common)).json);
        const error = { name: "E", message: "m" };
        await api("POST", `/api/v1/deployments/${made.id}/fail`, { json: { error } });
        return made.id;
      };
      const older = await makeFailed();
      const id = await makeFailed();
      const list = async (query: string) =>
        (await api("GET", `/api/v1/deployments?${query}`)).json as {
          data: Deployment[];
          pagination: { next?: string };
        };
      const failed = await list("status=FAILED&page[size]=1");
      expect(failed.data).toMatchObject([{ id, status: "FAILED" }]);
      const rest = await list(`status=FAILED&page[after]=${failed.pagination.next}`);
      expect(rest.data[0]).toMatchObject({ id: older });
      for (const row of rest.data) expect([row.status, row.id < id]).toEqual(["FAILED", true]);
      expect((await list("status=BUILDING")).data).toEqual([]);
      expect((await list("period=1h&page[size]=1")).data).toMatchObject([{ id }]);
      expect((await list("to=2001-01-01")).data).toEqual([]);
      expect((await list("from=2001-01-01T00:00:00Z&page[size]=1")).data).toHaveLength(1);
      for (const query of ["status=NONE", "period=soon", "from=yesterday", "to=1", "page[size]=101"])
        expectError(await api("GET", `/api/v1/deployments?${query}`), 400, "bad_request");
    });

    test("404 for another environment's deployment", async () => {
      const mine = await deploy(platform(), common);
      const token = platform().otherKey;
      for (const verb of ["finalise", "promote"])
        expectError(await api("POST", `/api/v1/deployments/${mine.id}/${verb}`, { token }), 404, "not_found");
    });

    test("tasks list what the current deployment holds, with its queues", async () => {
      const limited = { id: "narrow", queue: { name: "n", concurrencyLimit: 2 }, machine: "micro" };
      const { version } = await deploy(platform(), [...common, limited]);
      const { data } = TaskList.parse((await api("GET", "/api/v1/tasks")).json);
      expect(data.map(({ id }) => id)).toEqual(["folder/task", "hello", "narrow", "other"]);
      expect(data.find(({ id }) => id === "narrow")).toMatchObject({
        ...limited,
        version,
        queued: 0,
        running: 0,
      });
      expect((await api("GET", "/api/v1/tasks", { token: platform().otherKey })).json).toEqual({ data: [] });
    });
  });
