import { EnvVarList } from "@longshore/shared/contract/env-vars";
import { beforeAll, describe, expect, test } from "vitest";
import { announce, call, expectError, FakeAgent, until } from "../client.ts";
import type { Platform } from "../platforms.ts";
import { createPersonal, sign, signIn } from "../wrong-credentials.ts";

/** Environment variables: by key, by person, and as runs get them. */
export const envVarCases = (platform: () => Platform) =>
  describe("environment variables", () => {
    let ref: string;
    let person: string;
    beforeAll(async () => {
      const { cookie, session } = await signIn(platform());
      ref = session.environments[0]?.projectRef ?? "";
      person = (await createPersonal(platform(), cookie)).token;
    });
    const branch = "feature/1";
    const onBranch = { "x-trigger-branch": branch };
    type Options = { token?: string; slug?: string; headers?: Record<string, string> };
    const send = (method: string, tail: string, json?: unknown, options: Options = {}) =>
      call(platform(), method, `/api/v1/projects/${ref}/envvars/${options.slug ?? "dev"}${tail}`, {
        token: options.token ?? platform().apiKey,
        ...(options.headers ? { headers: options.headers } : {}),
        ...(json === undefined ? {} : { json }),
      });
    const done = { status: 200, json: { success: true } };
    const list = async (options: Options = {}) =>
      Object.fromEntries(
        EnvVarList.parse((await send("GET", "", undefined, options)).json).map(({ name, value }) => [
          name,
          value,
        ]),
      );

    test("are set, read, changed and deleted", async () => {
      expect(await send("POST", "", { name: "PLAIN", value: "a\nb ü 漢" })).toMatchObject(done);
      expect((await send("GET", "/PLAIN")).json).toEqual({
        name: "PLAIN",
        value: "a\nb ü 漢",
        isSecret: false,
      });
      expect(await send("PUT", "/PLAIN", { value: "" })).toMatchObject(done);
      expect(await list()).toMatchObject({ PLAIN: "" });
      expect(await send("POST", "", { name: "PLAIN", value: "again" })).toMatchObject(done);
      expect(await send("DELETE", "/PLAIN")).toMatchObject(done);
      for (const answer of [
        await send("GET", "/PLAIN"),
        await send("PUT", "/PLAIN", { value: "x" }),
        await send("DELETE", "/PLAIN"),
      ])
        expectError(answer, 404, "not_found");
    });

    test("a secret's value is never read again, and stays secret when it changes", async () => {
      await send("POST", "", { name: "TOKEN", value: "hush", isSecret: true });
      const redacted = { name: "TOKEN", value: "<redacted>", isSecret: true };
      expect((await send("GET", "/TOKEN")).json).toEqual(redacted);
      await send("PUT", "/TOKEN", { value: "hush2" });
      await send("POST", "", { name: "TOKEN", value: "hush3" });
      expect((await send("GET", "/TOKEN")).json).toEqual(redacted);
      expect((await send("GET", "")).text).not.toContain("hush");
    });

    test("an import leaves what exists, unless it overrides", async () => {
      await send("POST", "", { name: "A", value: "old" });
      expect(await send("POST", "/import", { variables: { A: "new", B: "b" } })).toMatchObject(done);
      expect(await list()).toMatchObject({ A: "old", B: "b" });
      await send("POST", "/import", { variables: { A: "new" }, override: true });
      expect(await list()).toMatchObject({ A: "new", B: "b" });
    });

    test("a lease carries them, secrets in clear, and a change reaches the next run within seconds", async () => {
      const agent = await FakeAgent.enrol(platform());
      await send("POST", "/import", { variables: { GIVEN: "one" } });
      await send("POST", "/import", { variables: { HIDDEN: "two" }, isSecret: true });
      const lease = await agent.execute("hello");
      expect(lease.env).toMatchObject({ GIVEN: "one", HIDDEN: "two" });
      await agent.complete(lease);
      await send("PUT", "/GIVEN", { value: "three" });
      const isNew = async () => {
        const next = await agent.execute("hello");
        await agent.complete(next);
        return next.env.GIVEN;
      };
      expect(await until(isNew, (value) => value === "three")).toBe("three");
    });

    test.each([
      [{ name: "1A", value: "" }, "name"],
      [{ name: "A B", value: "" }, "name"],
      [{ name: "", value: "" }, "name"],
      [{ name: "A".repeat(257), value: "" }, "name"],
      [{ name: "__proto__", value: "" }, "name"],
      [{ name: "TRIGGER_SECRET_KEY", value: "" }, "name"],
      [{ name: "TRIGGER_API_URL", value: "" }, "name"],
      [{ name: "LONGSHORE_SOCKET", value: "" }, "name"],
      [{ name: "A", value: 1 }, "value"],
      [{ name: "A", value: "a\0b" }, "value"],
      [{ name: "A", value: "漢".repeat(11_000) }, "value"],
    ])("400 for %j names the field", async (body, field) => {
      const { issues } = expectError(await send("POST", "", body), 400, "bad_request");
      expect(issues?.map(({ path }) => path)).toContain(field);
    });

    test("an import with a bad name in it writes nothing, nor does one beyond the limits", async () => {
      const before = await list();
      expectError(await send("POST", "/import", { variables: { GOOD: "1", "BAD-ONE": "2" } }), 400);
      expectError(await send("POST", "/import", { variables: { GOOD: "1", TRIGGER_SECRET_KEY: "2" } }), 400);
      const many = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`BIG_${i}`, "x".repeat(32_000)]));
      expectError(await send("POST", "/import", { variables: many }), 422, "unprocessable");
      expect(await list()).toEqual(before);
      const head = await announce(platform(), "POST", `/api/v1/projects/${ref}/envvars/dev/import`, {
        authorization: `Bearer ${platform().apiKey}`,
        "content-type": "application/json",
        "content-length": "1100000",
      });
      expect(head).toMatchObject({ status: 413 });
    });

    test("a person reaches every environment of their projects; a key its own alone", async () => {
      await send("POST", "", { name: "STAGED", value: "s" }, { token: person, slug: "stg" });
      expect(await list({ token: person, slug: "stg" })).toMatchObject({ STAGED: "s" });
      expect(await list({ token: platform().otherKey, slug: "stg" })).toMatchObject({ STAGED: "s" });
      expect(await list()).not.toHaveProperty("STAGED");
      expectError(await send("GET", "", undefined, { slug: "stg" }), 404, "not_found");
      expectError(await send("GET", "", undefined, { token: person, slug: "none" }), 404);
      const foreign = "/api/v1/projects/proj_none/envvars/dev";
      expectError(await call(platform(), "GET", foreign, { token: person }), 404);
    });

    test("a branch inherits what its preview environment has, and may have its own", async () => {
      const path = `/api/v1/projects/${ref}/branches`;
      const make = () => call(platform(), "POST", path, { token: person, json: { branch } });
      const made = (await make()).json as { id: string };
      expect((await make()).json).toEqual({ id: made.id, branch });
      const parent = { token: person, slug: "preview" };
      const child = { ...parent, headers: onBranch };
      await send("POST", "/import", { variables: { SHARED: "parent", OWN: "parent" } }, parent);
      const json = { variables: { OWN: "child" }, parentVariables: { LATER: "parent" } };
      expect(await send("POST", "/import", json, child)).toMatchObject(done);
      expect(await list(child)).toEqual({ SHARED: "parent", OWN: "child", LATER: "parent" });
      await send("PUT", "/SHARED", { value: "changed" }, child);
      expect(await list(child)).toMatchObject({ SHARED: "changed" });
      expect(await list(parent)).toEqual({ SHARED: "parent", OWN: "parent", LATER: "parent" });
      expectError(
        await send("GET", "", undefined, { ...parent, headers: { "x-trigger-branch": "none" } }),
        404,
      );
      // A key of the preview environment opens the branch that the caller names, and a key of another one ignores it.
      const token = await sign(platform(), made.id, ["read:envvars"]);
      expect(await list({ token, slug: "preview", headers: onBranch })).toMatchObject({ OWN: "child" });
      expect(await list({ headers: onBranch })).not.toHaveProperty("OWN");
      const none = { token: person, json: { branch: "a b" } };
      expectError(await call(platform(), "POST", path, none), 400);
    });
  });
