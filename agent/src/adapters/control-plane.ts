import { agentTokenAudience, PollResponse, ReportResponse } from "@longshore/shared/contract/agent-protocol";
import { bundleBytesMax } from "@longshore/shared/contract/deployments";
import { PacketType, packetBytesMax } from "@longshore/shared/contract/packets";
import { WireError } from "@longshore/shared/contract/wire-error";
import type { Clock } from "@longshore/shared/core/clock";
import { errorStatus } from "@longshore/shared/core/error-codes";
import { importJWK, SignJWT } from "jose";
import type { z } from "zod";
import type { Outcome } from "../core/outcome.ts";
import type { ControlPlane, Forwarded, ForwardRequest } from "../ports/control-plane.ts";
import type { HttpAnswer, HttpClient } from "./http-client.ts";
import { type Identity, safeJson } from "./identity.ts";
import { protocolHeaders } from "./protocol-headers.ts";

/** How long a self-made token lasts; it is renewed at two thirds of that. Units: seconds. */
const tokenLifeS = 600;
/** How long the API may take beyond the time it was asked to hold a request. Units: milliseconds. */
const marginMs = 10_000;
const requestTimeoutMs = 30_000;

/** Signs the agent's own short tokens and keeps the current one. */
const createTokenSource = (identity: Identity, clock: Clock) => {
  let current: { token: string; renewAtMs: number } | null = null;
  return async (): Promise<string> => {
    const nowMs = clock.now();
    if (current && nowMs < current.renewAtMs) return current.token;
    const key = await importJWK(identity.privateJwk, "EdDSA");
    const nowS = Math.floor(nowMs / 1000);
    const token = await new SignJWT({})
      .setProtectedHeader({ alg: "EdDSA", kid: identity.agentId })
      .setIssuer(identity.agentId)
      .setAudience(agentTokenAudience)
      .setIssuedAt(nowS)
      .setExpirationTime(nowS + tokenLifeS)
      .sign(key);
    current = { token, renewAtMs: nowMs + (tokenLifeS * 1000 * 2) / 3 };
    return token;
  };
};

const retryAfterMs = (answer: HttpAnswer): number | null => {
  const seconds = Number(answer.headers["retry-after"]);
  return answer.headers["retry-after"] && Number.isFinite(seconds) ? seconds * 1000 : null;
};

/** An error in the API's own words; null when something between, or in its place, has answered. */
const readWireError = (answer: HttpAnswer): WireError | null => {
  const wire = WireError.safeParse(safeJson(answer.body.toString("utf8"))).data;
  return wire?.code !== undefined && Object.hasOwn(errorStatus, wire.code) ? wire : null;
};

/**
 * What an error status means for an agent. Only the API itself can refuse: an ingress that answers 404 during a deploy, a
 * login page or a proxy's limit say nothing about a fact, an identity or a bundle, and pass.
 */
const decodeError = (answer: HttpAnswer, url: string): Outcome<never> => {
  const wire = readWireError(answer);
  const { status } = answer;
  const afterMs = retryAfterMs(answer);
  if (wire === null) {
    const reason = `something at ${url} that is not the API answered ${status}`;
    return { kind: "retry", afterMs, reason, ...(status === 413 ? { isTooLarge: true } : {}) };
  }
  const said = wire.error;
  if (status >= 500 || status === 429 || status === 408) {
    return { kind: "retry", afterMs, reason: `the API answered ${status}: ${said}` };
  }
  if (status === 401 && wire.code === "agent_revoked") {
    return {
      kind: "fatal",
      isForGood: true,
      reason:
        "This agent was revoked. Enrol it again with a new token: set LONGSHORE_ENROL_TOKEN and restart it.",
    };
  }
  if (status === 401 || status === 403) {
    return {
      kind: "fatal",
      reason: `The API at ${url} does not accept this agent's identity (${said}). Enrol it again with a new token.`,
    };
  }
  if (status === 409 && wire.code === "session_superseded") {
    return {
      kind: "fatal",
      isForGood: true,
      reason: "Another process polls with this agent's identity. Give each agent its own data folder.",
    };
  }
  if (status === 426) {
    const reason = `This agent is too old for the API at ${url}: ${said}. Upgrade it.`;
    return { kind: "fatal", isForGood: true, reason };
  }
  return { kind: "rejected", status, reason: said };
};

/** The store says nothing that a person should read; that it has no such packet only it can say. */
const decodePacketError = (answer: HttpAnswer): Outcome<never> => {
  const { status } = answer;
  const isMissing =
    readWireError(answer) !== null || /<Code>NoSuchKey<\/Code>/.test(answer.body.toString("utf8"));
  return status === 404 && isMissing
    ? { kind: "rejected", status, reason: "the store does not have it" }
    : { kind: "retry", afterMs: null, reason: `the store answered ${status}` };
};

/** Headers of a run's call that the agent sets itself or that belong to one connection. */
const ownHeaders = new Set([
  "authorization",
  "host",
  "connection",
  "content-length",
  "transfer-encoding",
  "upgrade",
  "keep-alive",
  "te",
  "accept-encoding",
]);
const passedOn = (headers: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers)
      .map(([name, value]) => [name.toLowerCase(), value] as const)
      .filter(([name]) => !ownHeaders.has(name)),
  );

/** A run may call the client API and nothing else on that server. */
const mayForward = (path: string): boolean =>
  /^\/(?!\/)/.test(path) && !new URL(path, "http://api").pathname.startsWith("/agent/");

/**
 * The API over HTTP, spoken with the agent's identity.
 *
 * Errors: none are thrown; an answer that cannot be understood is a retry, as a proxy may have written it.
 */
export const createControlPlane = (
  http: HttpClient,
  url: string,
  identity: Identity,
  clock: Clock,
): ControlPlane => {
  const token = createTokenSource(identity, clock);

  const send = async (
    method: string,
    path: string,
    call: { authorization: string; headers?: Record<string, string>; body: string | null; timeoutMs: number },
    signal: AbortSignal,
  ): Promise<Outcome<HttpAnswer>> => {
    try {
      const answer = await http.request({
        method,
        url: new URL(path, url),
        headers: { ...protocolHeaders, ...call.headers, authorization: `Bearer ${call.authorization}` },
        body: call.body,
        timeoutMs: call.timeoutMs,
        signal,
      });
      return { kind: "ok", value: answer };
    } catch (error) {
      if (signal.aborted) return { kind: "cut" };
      const why =
        error instanceof Error ? error.message || (error as NodeJS.ErrnoException).code : String(error);
      return { kind: "retry", afterMs: null, reason: `the API at ${url} cannot be reached: ${why}` };
    }
  };

  const post = async <T>(
    path: string,
    body: unknown,
    schema: z.ZodType<T>,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Outcome<T>> => {
    const sent = await send(
      "POST",
      path,
      {
        authorization: await token(),
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
        timeoutMs,
      },
      signal,
    );
    if (sent.kind !== "ok") return sent;
    if (sent.value.status < 200 || sent.value.status >= 300) return decodeError(sent.value, url);
    const parsed = schema.safeParse(safeJson(sent.value.body.toString("utf8")));
    if (parsed.success) return { kind: "ok", value: parsed.data };
    const where = parsed.error.issues[0]?.path.join(".") || "it";
    return {
      kind: "retry",
      afterMs: null,
      reason: `the API's answer to ${path} cannot be understood (${where})`,
    };
  };

  return {
    poll: (body, signal) => post("/agent/v1/poll", body, PollResponse, body.holdMs + marginMs, signal),
    report: (body, signal) => post("/agent/v1/report", body, ReportResponse, requestTimeoutMs, signal),

    async fetchBundle(hash, signal) {
      const path = `/agent/v1/bundles/${encodeURIComponent(hash)}`;
      const call = { authorization: await token(), body: null, timeoutMs: 120_000 };
      const sent = await send("GET", path, call, signal);
      if (sent.kind !== "ok") return sent;
      if (sent.value.status !== 200) return decodeError(sent.value, url);
      if (sent.value.body.length > bundleBytesMax) {
        return { kind: "rejected", status: 413, reason: "the bundle is larger than bundles may be" };
      }
      return { kind: "ok", value: sent.value.body };
    },

    async fetchPacket(address, signal) {
      const target = new URL(address, url);
      try {
        const sent = { method: "GET", url: target, headers: {}, body: null, timeoutMs: 120_000, signal };
        const answer = await http.request(sent);
        if (answer.status !== 200) return decodePacketError(answer);
        if (answer.body.length > packetBytesMax) {
          return { kind: "rejected", status: 413, reason: "the payload is larger than payloads may be" };
        }
        const type = PacketType.catch("application/json").parse(
          answer.headers["content-type"]?.split(";")[0],
        );
        return { kind: "ok", value: { data: answer.body.toString("utf8"), type } };
      } catch (error) {
        if (signal.aborted) return { kind: "cut" };
        const why = error instanceof Error ? error.message : String(error);
        return { kind: "retry", afterMs: null, reason: `${target.host} cannot be reached: ${why}` };
      }
    },

    async forward(runToken: string, request: ForwardRequest, signal: AbortSignal) {
      const { method, path, headers, body } = request;
      if (!mayForward(path)) {
        return { kind: "rejected", status: 403, reason: `a run may not call ${path}` };
      }
      const call = {
        authorization: runToken,
        headers: passedOn(headers),
        body,
        timeoutMs: requestTimeoutMs * 2,
      };
      const sent = await send(method, path, call, signal);
      if (sent.kind !== "ok") return sent;
      const value: Forwarded = {
        status: sent.value.status,
        headers: sent.value.headers,
        body: sent.value.body.toString("utf8"),
      };
      return { kind: "ok", value };
    },
  };
};
