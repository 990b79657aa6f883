import { sampleBody } from "@longshore/edge-api/routes/reference/sample-body";
import { routeSpecs } from "@longshore/edge-api/routes/specs";
import type { RouteSpec } from "@longshore/edge-api/routes/specs/spec";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Answer, call, expectError } from "../client.ts";
import type { Platform } from "../platforms.ts";
import { collectCredentials, opens, sentences, sign } from "../wrong-credentials.ts";

type Headers = Record<string, string>;
type Row = [name: string, spec: RouteSpec];

/** Units: milliseconds. */
const beatMs = 5_000;
const all = Object.entries<RouteSpec>(routeSpecs);
const guarded = all.filter(([, { auth }]) => auth !== "none");
const ofPrincipals = all.filter(([, { auth }]) => ["key", "environment", "project"].includes(auth));
const scoped = ofPrincipals.filter(([, { scope }]) => scope !== undefined);

/** Every route of the table with every wrong credential. A route that is added is tested by being in the table. */
export const credentialCases = (platform: () => Platform) =>
  describe("credentials", () => {
    let known: Awaited<ReturnType<typeof collectCredentials>>;
    beforeAll(async () => {
      known = await collectCredentials(platform());
    }, 60_000);
    // All of them take longer than a lease where the machine is slow.
    let beatAtMs = Number.NEGATIVE_INFINITY;
    beforeEach(async () => {
      if (performance.now() - beatAtMs < beatMs) return;
      beatAtMs = performance.now();
      await known.beat();
    });

    const pathOf = ({ path }: RouteSpec): string =>
      path
        .replace(":runId", known.runId)
        .replace(":hash", "0".repeat(64))
        .replace(":projectRef", known.session.environments[0]?.projectRef ?? "")
        .replace(":slug", "dev")
        .replace(/:\w+/g, "x");

    const send = (spec: RouteSpec, headers: Headers): Promise<Answer> => {
      const json = sampleBody(spec);
      return call(platform(), spec.method.toUpperCase(), pathOf(spec), {
        ...(json === null ? {} : { json }),
        headers: { "x-longshore-protocol": "1", ...headers },
      });
    };
    const asToken = (token: string): Headers => ({ authorization: `Bearer ${token}` });
    const withScopes = async (scopes: string[], environmentId = platform().environmentId) =>
      asToken(await sign(platform(), environmentId, scopes));

    /** Status and whole body; HEAD has none. */
    const expectRefusal = (
      { method }: RouteSpec,
      answer: Answer,
      status: number,
      body: object,
      what: string,
    ) => {
      const requestId = expect.stringMatching(/^req_/);
      expect({ what, status: answer.status, body: answer.json }).toEqual({
        what,
        status,
        body: method === "head" ? undefined : { ...body, requestId },
      });
    };

    test.each<Row>(guarded)("%s answers 401 to whatever does not open it", async (_name, spec) => {
      if (spec.auth === "none") return;
      const live = Object.entries(known.live).filter(([name]) => !opens[spec.auth as "key"].includes(name));
      for (const [name, headers] of [...Object.entries(known.dead), ...live]) {
        const isUsed = name === "a used one-time token";
        // Refused as a token before it matters which; or not spent here.
        if (isUsed && (spec.followsOneTimeUse || spec.denies?.includes("token"))) continue;
        const answer = await send(spec, headers);
        const error = (spec.auth === "key" ? sentences[name] : undefined) ?? expect.stringMatching(/\w{3}/);
        expectRefusal(spec, answer, 401, { error, code: "unauthorized" }, name);
      }
    });

    const forbidden = {
      error: "Unauthorized",
      code: "unauthorized",
      param: "access_token",
      type: "authorization",
    };

    test.each<Row>(scoped)("%s answers 403 to a token without its scope", async (_name, spec) => {
      const [action = ""] = (spec.scope ?? "").split(":");
      const scopes = ["read:prompts", `${action}:none`, `none:${(spec.scope ?? "").split(":")[1]}`, action];
      const answer = await send(spec, await withScopes(scopes.filter((scope) => scope !== "admin")));
      expectRefusal(spec, answer, 403, forbidden, "other scopes");
    });

    test.each<Row>(ofPrincipals.filter(([, { denies }]) => denies !== undefined))(
      "%s answers 403 to the kinds of caller that it denies",
      async (_name, spec) => {
        const credentials = {
          run: known.runToken,
          token: await sign(platform(), platform().environmentId, ["admin"]),
          person: known.personalToken,
          key: platform().apiKey,
        };
        for (const kind of spec.denies ?? [])
          expectRefusal(spec, await send(spec, asToken(credentials[kind])), 403, forbidden, kind);
      },
    );

    // A project is not one environment's.
    const namesThing = ({ path, method }: RouteSpec) =>
      path.includes(":slug") ||
      path.includes(":runId") ||
      (method === "get" && path.replace(":projectRef", "").includes(":"));

    test.each<Row>(
      ofPrincipals.filter(([, spec]) => namesThing(spec) && (spec.body === undefined || sampleBody(spec))),
    )("%s answers 404 to another environment's token, whatever it may do there", async (_name, spec) => {
      const answer = await send(spec, await withScopes(["admin"], platform().otherEnvironmentId));
      expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 404 });
      expectError(answer, 404, "not_found");
    });

    test("every route of keys and tokens names its scope, or denies all but keys and people", () => {
      const open = ofPrincipals.filter(
        ([, { scope, denies }]) => scope === undefined && !denies?.includes("token"),
      );
      expect(open.map(([name]) => name)).toEqual([]);
    });

    test.each<Row>(scoped.filter(([, { scope, method }]) => scope?.startsWith("read") && method === "get"))(
      "%s lets its own scope through",
      async (name, spec) => {
        const answer = await send(spec, await withScopes([spec.scope ?? ""]));
        // A run that is not over has no result yet.
        const isCertain = !pathOf(spec).split("/").includes("x") && name !== "runResult";
        expect({ status: answer.status, text: answer.text }).toMatchObject({
          status: isCertain
            ? 200
            : expect.toSatisfy((status: number) => status < 500 && ![401, 403].includes(status)),
        });
      },
    );
  });
