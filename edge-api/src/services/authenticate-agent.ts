import { agentProtocolVersion, agentTokenAudience } from "@longshore/shared/contract/agent-protocol";
import { AppError } from "@longshore/shared/core/error-codes";
import { decodeProtectedHeader, importJWK, jwtVerify } from "jose";
import { type AgentRow, findAgent } from "../db/queries/find-credentials.ts";
import type { Deps } from "./deps.ts";
import { ShortCache } from "./short-cache.ts";

/** Longest life that an agent may give the token it signs itself. */
const tokenAgeMax = "15m";
/**
 * How long an agent's key is remembered: parked polls must not ask for it. A revocation does not wait for that, since
 * every claim checks it and then forgets the key. Units: milliseconds.
 */
const agentCacheMs = 600_000;
const caches = new WeakMap<Deps["db"], ShortCache<AgentRow>>();

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
    const key = await importJWK({ kty: "OKP", crv: "Ed25519", x: agent.publicKey }, "EdDSA");
    await jwtVerify(token, key, {
      audience: agentTokenAudience,
      issuer: agentId,
      algorithms: ["EdDSA"],
      maxTokenAge: tokenAgeMax,
      clockTolerance: 60,
    });
  } catch (cause) {
    throw new AppError("unauthorized", "The agent's token is not valid: its key or its clock is wrong.", {
      cause,
    });
  }
  return agent;
};

const keyIdOf = (token: string): string => {
  try {
    return decodeProtectedHeader(token).kid ?? "";
  } catch (cause) {
    throw new AppError("unauthorized", "The agent's token is malformed.", { cause });
  }
};
