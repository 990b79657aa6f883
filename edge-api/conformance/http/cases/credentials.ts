import { routeSpecs } from "@longshore/edge-api/routes/specs";
import type { RouteSpec } from "@longshore/edge-api/routes/specs/spec";
import { signToken } from "@longshore/edge-api/services/tokens";
import { SignJWT } from "jose";
import { describe, expect, test } from "vitest";
import { call, trigger } from "../client.ts";
import type { Platform } from "../platforms.ts";

type Credential = { name: string; token(p: Platform): Promise<string | undefined> };
type Expected = { status: number; code: string };

const sign = (p: Platform, environmentId: string, scopes: string[], lifeS = 60) =>
  signToken({ secret: p.secret }, environmentId, { pub: true, scopes }, lifeS);

const wrong: Credential[] = [
  { name: "none", token: async () => undefined },
  { name: "a malformed one", token: async () => "a b" },
  { name: "an unknown key", token: async () => `tr_dev_sk_${"0".repeat(24)}` },
  { name: "an expired token", token: (p) => sign(p, p.environmentId, ["admin"], -60) },
  {
    name: "a token with a foreign signature",
    token: (p) => signToken({ secret: new Uint8Array(32) }, p.environmentId, { scopes: ["admin"] }, 60),
  },
  {
    name: "a token of the right key and no algorithm",
    token: async (p) => {
      const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
      const claims = { sub: p.environmentId, scopes: ["admin"], exp: Math.floor(Date.now() / 1_000) + 60 };
      return `${part({ alg: "none" })}.${part(claims)}.`;
    },
  },
  {
    name: "an agent's kind of token",
    token: async (p) =>
      new SignJWT({ sub: p.environmentId })
        .setProtectedHeader({ alg: "HS256", kid: "agent_none" })
        .sign(p.secret),
  },
];

/** What a request needs beside its credential to get as far as the check of scopes: a body that is well formed. */
const bodyOf = (name: string): object | undefined => {
  if (name === "triggerTask") return {};
  if (name === "createWaitToken" || name === "completeWaitToken") return {};
  if (name === "waitForDuration") return { date: "2100-01-01T00:00:00.000Z" };
  if (name === "addRunTags") return { tags: ["t"] };
  if (name === "updateRunMetadata") return {};
  if (name === "rescheduleRun") return { delay: "1h" };
  if (name === "resetIdempotencyKey") return { taskIdentifier: "hello" };
  if (name === "createBatch") return { runCount: 1 };
  if (name === "legacyBatch" || name === "legacyBatchRuns") return { items: [{ task: "hello" }] };
  if (name === "legacyTaskBatch") return { items: [{}] };
  if (name !== "createDeployment") return undefined;
  const manifest = {
    format: 1,
    entry: "i.mjs",
    runtime: "node",
    runtimeVersion: "",
    sdkVersion: "",
    cliVersion: "",
  };
  return { bundleHash: "0".repeat(64), manifest: { ...manifest, tasks: [] } };
};

const parameterOf = (path: string, runId: string) =>
  path.replace(":runId", runId).replace(":hash", "0".repeat(64)).replace(/:\w+/g, "x");

/** Every route with every wrong credential. */
export const credentialCases = (platform: () => Platform) =>
  describe("credentials", () => {
    const send = async (name: string, spec: RouteSpec, token: string | undefined, runId = "run_none") => {
      const json = bodyOf(name);
      const answer = await call(platform(), spec.method.toUpperCase(), parameterOf(spec.path, runId), {
        ...(token === undefined ? {} : { token }),
        ...(json === undefined ? {} : { json }),
        headers: { "x-longshore-protocol": "1" },
      });
      return { status: answer.status, code: (answer.json as { code?: string } | undefined)?.code ?? "" };
    };
    const expected = (spec: RouteSpec, is: Expected) => ({
      ...is,
      // HEAD has no body to say more in.
      ...(spec.method === "head" ? { code: "" } : {}),
    });
    const all = Object.entries<RouteSpec>(routeSpecs);
    const guarded = all.filter(([, { auth }]) => auth !== "none");

    test.each(guarded.flatMap(([name, spec]) => wrong.map((credential) => ({ name, spec, credential }))))(
      "$name answers 401 to $credential.name",
      async ({ name, spec, credential }) => {
        const answer = await send(name, spec, await credential.token(platform()));
        expect(answer).toEqual(expected(spec, { status: 401, code: "unauthorized" }));
      },
    );

    const keyed = all.filter(([, { auth }]) => auth === "key");
    test.each(keyed)("%s answers 403 to a token without its scope", async (name, spec) => {
      const token = await sign(platform(), platform().environmentId, ["read:prompts"]);
      const answer = await send(name, spec, token, await trigger(platform(), "hello"));
      expect(answer).toEqual(expected(spec, { status: 403, code: "unauthorized" }));
    });

    const onRuns = keyed.filter(([, { path }]) => path.includes(":runId"));
    test.each(onRuns)(
      "%s answers 404 to another environment's token, whatever it may do there",
      async (name, spec) => {
        const token = await sign(platform(), platform().otherEnvironmentId, ["admin"]);
        const answer = await send(name, spec, token, await trigger(platform(), "hello"));
        expect(answer).toEqual({ status: 404, code: "not_found" });
      },
    );

    test("every route of keys and tokens names its scope", () => {
      expect(keyed.filter(([, { scope }]) => scope === undefined).map(([name]) => name)).toEqual([]);
    });

    test.each(keyed.filter(([, { scope, method }]) => scope?.startsWith("read") && method === "get"))(
      "%s lets its own scope through",
      async (name, spec) => {
        const token = await sign(platform(), platform().environmentId, [spec.scope ?? ""]);
        const answer = await send(name, spec, token, await trigger(platform(), "hello"));
        // A route of another thing, or of a run that is over, gets as far as looking for it.
        const isOther = /:(?!runId)\w+/.test(spec.path) || name === "runResult" || name === "runPacket";
        expect(isOther ? [200, 404] : [200]).toContain(answer.status);
      },
    );
  });
