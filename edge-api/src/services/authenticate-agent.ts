import { agentProtocolVersion, agentTokenAudience } from "@longshore/shared/contract/agent-protocol";
import { AppError } from "@longshore/shared/core/error-codes";
import { decodeProtectedHeader, importJWK, jwtVerify } from "jose";
import { type AgentRow, findAgent } from "../db/queries/find-credentials.ts";
import type { Deps } from "./deps.ts";
import { ShortCache } from "./short-cache.ts";

/**
 * How long an agent's key is remembered: parked polls must not ask for it. A revocation does not wait for that, since
 * every claim checks it and then forgets the key. Units: milliseconds.
 */
const agentCacheMs = 600_000;
const caches = new WeakMap<Deps["db"], ShortCache<AgentRow>>();

/** Longest life that an agent may give the token it signs itself. Units: seconds. */
const tokenAgeMaxS = 15 * 60;
/** How long it is known of a token that its signature is good. Units: milliseconds. */
const verifiedMs = 60_000;
/** Agents sign one token for many requests, and to verify it costs more than the rest of a small one. */
const verified = new ShortCache<{ leftMs: number }>(({ leftMs }) => leftMs, 10_000);

const cacheOf = (db: Deps["db"]): ShortCache<AgentRow> => {
  const known = caches.get(db) ?? new ShortCache<AgentRow>(agentCacheMs, 10_000);
  caches.set(db, known);
  return known;
};

/** The agent's next request asks the database who it is. */
export const forgetAgent = (deps: Pick<Deps, "db">, agentId: string): void =>
  cacheOf(deps.db).delete(agentId);

/** Errors: `upgrade_required` unless the agent speaks this version of the protocol. */
export const requireProtocol = (version: string | undefined): void => {
  if (version === String(agentProtocolVersion)) return;
  throw new AppError(
    "upgrade_required",
    `This API speaks agent protocol ${agentProtocolVersion}; the agent sent ${version ?? "none"}. Upgrade the agent.`,
  );
};

/**
 * Reads an agent's self-signed token.
 * Errors: `unauthorized`; `agent_revoked` for one that was enrolled once. Cost: none while the key is remembered.
 */
export const authenticateAgent = async (deps: Deps, header: string | undefined): Promise<AgentRow> => {
  const token = /^Bearer\s+(\S+)$/i.exec(header ?? "")?.[1];
  if (token === undefined) throw new AppError("unauthorized", "The agent sent no token.");
  const agentId = keyIdOf(token);
  const agent = await cacheOf(deps.db).get(agentId, () => findAgent(deps.db, agentId));
  if (agent === null) throw new AppError("unauthorized", "This API does not know the agent.");
  if (agent.isRevoked) {
    forgetAgent(deps, agentId);
    throw new AppError("agent_revoked", "This agent was revoked.");
  }
  try {
    await verified.get(`${agent.publicKey} ${token}`, () => verify(token, agent));
  } catch (cause) {
    throw new AppError("unauthorized", "The agent's token is not valid: its key or its clock is wrong.", {
      cause,
    });
  }
  return agent;
};

/** Shape: how long this needs not be asked again; never beyond the token's own time. */
const verify = async (token: string, agent: AgentRow): Promise<{ leftMs: number }> => {
  const key = await importJWK({ kty: "OKP", crv: "Ed25519", x: agent.publicKey }, "EdDSA");
  const { payload } = await jwtVerify(token, key, {
    audience: agentTokenAudience,
    issuer: agent.id,
    algorithms: ["EdDSA"],
    maxTokenAge: tokenAgeMaxS,
    clockTolerance: 60,
  });
  const endsAtS = Math.min(payload.exp ?? Number.POSITIVE_INFINITY, (payload.iat ?? 0) + tokenAgeMaxS);
  return { leftMs: Math.min(verifiedMs, endsAtS * 1_000 - Date.now()) };
};

const keyIdOf = (token: string): string => {
  try {
    return decodeProtectedHeader(token).kid ?? "";
  } catch (cause) {
    throw new AppError("unauthorized", "The agent's token is malformed.", { cause });
  }
};
