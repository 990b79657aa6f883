import { createHash } from "node:crypto";
import type { RouteAuth } from "@longshore/edge-api/routes/specs/spec";
import { signToken } from "@longshore/edge-api/services/tokens";
import { CreatedApiKey, CreatedPersonalToken } from "@longshore/shared/contract/credentials";
import { Session } from "@longshore/shared/contract/dashboard";
import { SignJWT } from "jose";
import { call, FakeAgent, trigger, until } from "./client.ts";
import type { Platform } from "./platforms.ts";

type Headers = Record<string, string>;

const bearer = (token: string): Headers => ({ authorization: `Bearer ${token}` });

export const sign = (p: Platform, environmentId: string, scopes: string[], lifeS = 60): Promise<string> =>
  signToken({ secret: p.secret }, environmentId, { pub: true, scopes }, lifeS);

/** A signed-in browser's cookie, and what it may see. */
export const signIn = async (p: Platform): Promise<{ cookie: string; session: Session }> => {
  const json = { token: await p.signInToken() };
  const answer = await call(p, "POST", "/api/v1/session/sign-in", { json });
  const cookie = (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
  return { cookie, session: Session.parse(answer.json) };
};

export const createKey = async (p: Platform, body: object = {}, token = p.apiKey): Promise<CreatedApiKey> => {
  const answer = await call(p, "POST", "/api/v1/api-keys", { token, json: { name: "case", ...body } });
  if (answer.status !== 200) throw new Error(answer.text);
  return CreatedApiKey.parse(answer.json);
};

export const createPersonal = async (
  p: Platform,
  cookie: string,
  body: object = {},
): Promise<CreatedPersonalToken> => {
  const json = { name: "case", ...body };
  const answer = await call(p, "POST", "/api/v1/session/tokens", { headers: { cookie }, json });
  if (answer.status !== 200) throw new Error(answer.text);
  return CreatedPersonalToken.parse(answer.json);
};

export const createPublic = async (p: Platform, body: object, token = p.apiKey): Promise<string> => {
  const answer = await call(p, "POST", "/api/v1/auth/public-tokens", { token, json: body });
  if (answer.status !== 200) throw new Error(answer.text);
  return (answer.json as { token: string }).token;
};

const soon = () => new Date(Date.now() + 1_500).toISOString();

const noAlgorithm = (p: Platform): string => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = { sub: p.environmentId, scopes: ["admin"], exp: Math.floor(Date.now() / 1_000) + 60 };
  return `${part({ alg: "none" })}.${part(claims)}.`;
};

const agentStyle = (p: Platform): Promise<string> =>
  new SignJWT({ sub: p.environmentId })
    .setProtectedHeader({ alg: "HS256", kid: "agent_none" })
    .sign(p.secret);

const usedOneTime = async (p: Platform): Promise<string> => {
  const token = await createPublic(p, { scopes: ["admin"], oneTimeUse: true });
  const use = await call(p, "GET", "/api/v1/runs", { token });
  if (use.status !== 200) throw new Error(use.text);
  return token;
};

const endedKey = async (p: Platform): Promise<string> => {
  const { id, key } = await createKey(p);
  await call(p, "GET", "/api/v1/runs", { token: key });
  await call(p, "POST", `/api/v1/api-keys/${id}/revoke`, { token: p.apiKey });
  return key;
};

const tokenOfEndedKey = async (p: Platform): Promise<string> => {
  const { id, key } = await createKey(p);
  const token = await createPublic(p, { scopes: ["admin"] }, key);
  await call(p, "POST", `/api/v1/api-keys/${id}/revoke`, { token: p.apiKey });
  return token;
};

const expiredKey = async (p: Platform): Promise<string> => {
  const { key } = await createKey(p, { expiresAt: soon() });
  await until(
    () => call(p, "GET", "/api/v1/runs", { token: key }),
    ({ status }) => status === 401,
  );
  return key;
};

const endedRun = async (agent: FakeAgent): Promise<{ ended: string; live: string }> => {
  const lease = await agent.execute("hello");
  await agent.complete(lease);
  const { runToken } = await agent.execute("hello");
  return { ended: lease.runToken, live: runToken };
};

const personal = async (p: Platform, cookie: string) => {
  const [live, ended, expired] = await Promise.all([
    createPersonal(p, cookie),
    createPersonal(p, cookie),
    createPersonal(p, cookie, { expiresAt: soon() }),
  ]);
  await call(p, "DELETE", `/api/v1/session/tokens/${ended.id}`, { headers: { cookie } });
  return { live: live.token, ended: ended.token, expired: expired.token };
};

/** Every credential that there is, live and dead, each as the headers that carry it. */
export const collectCredentials = async (p: Platform) => {
  const { cookie, session } = await signIn(p);
  const agent = await FakeAgent.enrol(p);
  const [run, people, expired] = [await endedRun(agent), await personal(p, cookie), await expiredKey(p)];
  const sessionToken = cookie.split("=")[1] ?? "";
  const other = { secret: createHash("sha256").update("other").digest() };
  return {
    runId: await trigger(p, "hello"),
    runToken: run.live,
    /** The live run is its agent's for as long as this is called: more often than a lease is long. */
    beat: () => agent.poll(0),
    cookie,
    session,
    personalToken: people.live,
    dead: {
      none: {},
      malformed: bearer("a b"),
      "no token": { authorization: "Bearer" },
      "the wrong scheme": { authorization: `Basic ${Buffer.from(`${p.apiKey}:`).toString("base64")}` },
      "an unknown key": bearer(`tr_dev_sk_${"0".repeat(24)}`),
      "an unknown personal token": bearer(`tr_pat_${"0".repeat(40)}`),
      "an expired token": bearer(await sign(p, p.environmentId, ["admin"], -60)),
      "a token with a foreign signature": bearer(
        await signToken(other, p.environmentId, { scopes: ["admin"] }, 60),
      ),
      "a token of another environment's name and this one's key": bearer(
        (await sign(p, p.environmentId, ["admin"])).replace(/\.[^.]+\./, `.${claimsOf(p)}.`),
      ),
      "a token without algorithm": bearer(noAlgorithm(p)),
      "an agent's kind of token": bearer(await agentStyle(p)),
      "a revoked key": bearer(await endedKey(p)),
      "an expired key": bearer(expired),
      "a token of a revoked key": bearer(await tokenOfEndedKey(p)),
      "a used one-time token": bearer(await usedOneTime(p)),
      "a revoked personal token": bearer(people.ended),
      "an expired personal token": bearer(people.expired),
      "a run token whose run is over": bearer(run.ended),
      "a session's token as bearer": bearer(sessionToken),
      "an unknown session": { cookie: "longshore_session=lss_none" },
    } as Record<string, Headers>,
    live: {
      "a key": bearer(p.apiKey),
      "a public token": bearer(await sign(p, p.environmentId, ["admin"])),
      "a run token": bearer(run.live),
      "a personal token": bearer(people.live),
      "an agent": bearer(await agent.sign()),
      "a session": { cookie },
      "a key as session": { cookie: `longshore_session=${p.apiKey}` },
    } as Record<string, Headers>,
  };
};

const claimsOf = (p: Platform): string =>
  Buffer.from(
    JSON.stringify({
      sub: p.otherEnvironmentId,
      scopes: ["admin"],
      exp: Math.floor(Date.now() / 1_000) + 60,
    }),
  ).toString("base64url");

/** Which live credential opens which kind of route; every other one is wrong there. */
export const opens: Record<Exclude<RouteAuth, "none">, readonly string[]> = {
  key: ["a key", "a public token", "a run token"],
  environment: ["a key", "a public token", "a run token", "a personal token"],
  project: ["a key", "a public token", "a run token", "a personal token"],
  person: ["a personal token"],
  agent: ["an agent"],
  session: ["a session"],
};

/** What a route of keys says to each of these. */
export const sentences: Record<string, string> = {
  none: "Invalid or Missing API key",
  malformed: "Invalid or Missing API key",
  "the wrong scheme": "Invalid or Missing API key",
  "an unknown key": "Invalid or Missing API key",
  "a revoked key": "Invalid or Missing API key",
  "an expired key": "Invalid or Missing API key",
  "an expired token": "Public Access Token has expired. Create a new one and try again.",
  "a token with a foreign signature": "Public Access Token is invalid.",
  "a token of a revoked key":
    "The key that this Public Access Token was made with was revoked or has expired.",
  "a used one-time token":
    "This one-time Public Access Token was used already. Create a new one and try again.",
  "a run token whose run is over": "The run this token belongs to is over.",
};
