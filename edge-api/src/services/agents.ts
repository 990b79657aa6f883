import type { EnrolBody, EnrolResponse } from "@longshore/shared/contract/agent-protocol";
import type { AgentDrain, AgentList, ScaleHint } from "@longshore/shared/contract/dashboard";
import { AppError } from "@longshore/shared/core/error-codes";
import { newId, randomText } from "@longshore/shared/core/ids";
import { runsForMs } from "@longshore/shared/core/lease-time";
import { listAgentsOfPool } from "../db/queries/list-agents.ts";
import { readScale } from "../db/queries/read-scale.ts";
import { addEnrolToken, enrolAgent, revokeAgent, setAgentDraining } from "../db/transitions/enrol-agent.ts";
import { silentMsOf } from "../domain/lease-time.ts";
import { type Principal, requireOutsider, requireScope } from "./authenticate.ts";
import { forgetAgent } from "./authenticate-agent.ts";
import type { Deps } from "./deps.ts";
import { hashToken } from "./hash-token.ts";
import { wireDate, wireDateOrNull } from "./wire-date.ts";

/** An enrolment token must be used within this. Units: milliseconds. */
const enrolTokenTtlMs = 3_600_000;

/** `GET /api/v1/agents`. Errors: `forbidden`. */
export const listAgents = async (deps: Deps, principal: Principal): Promise<AgentList> => {
  requireScope(principal, "read", [{ type: "agents" }]);
  const onlineMs = deps.settings.silentMs + deps.settings.holdMs;
  const rows = await listAgentsOfPool(deps.db, principal.environmentId, onlineMs);
  return {
    data: rows.map(({ leaseMs, ...row }) => ({
      ...row,
      silence: {
        runsForMs: runsForMs(Math.max(leaseMs ?? 0, deps.settings.leaseMs)),
        lostAfterMs: silentMsOf(deps.settings, leaseMs),
      },
      lastSeenAt: wireDateOrNull(row.lastSeenAt),
      lastError: row.lastError && { ...row.lastError, at: wireDate(row.lastError.at) },
      enrolledAt: wireDate(row.enrolledAt),
    })),
  };
};

/** A one-time token for the pool that serves an environment. The token is shown here once; its hash is kept. */
export const createEnrolToken = async (
  deps: Deps,
  environmentId: string,
): Promise<{ token: string; expiresAt: string }> => {
  const token = `lse_${randomText(40)}`;
  const expiresAt = new Date(Date.now() + enrolTokenTtlMs).toISOString();
  const tokenHash = await hashToken(token);
  if (!(await addEnrolToken(deps.db, { tokenHash, environmentId, expiresAt })))
    throw new AppError("not_found", "Environment not found");
  return { token, expiresAt };
};

/** Who may change the fleet: a key or a signed-in person with the scope, never a run. */
const requireOperator = (principal: Principal): void => {
  requireOutsider(principal);
  requireScope(principal, "write", [{ type: "agents" }]);
};

/** `POST /api/v1/agents/enrol-tokens`. Errors: `forbidden`. */
export const requestEnrolToken = async (
  deps: Deps,
  principal: Principal,
): Promise<{ token: string; expiresAt: string }> => {
  requireOperator(principal);
  return createEnrolToken(deps, principal.environmentId);
};

/** `POST /agent/v1/enrol`. Errors: `enrol_token_invalid` for a token that is unknown, used up or too old. */
export const enrol = async (deps: Deps, body: EnrolBody): Promise<EnrolResponse> => {
  const agentId = newId("agent");
  const tokenHash = await hashToken(body.token);
  const { publicKey, name, version } = body;
  const poolId = await enrolAgent(deps.db, { agentId, tokenHash, publicKey, name, version });
  if (poolId === null) {
    throw new AppError(
      "enrol_token_invalid",
      "This enrolment token is unknown, used or expired. Make a new one and try again.",
    );
  }
  return { agentId, poolId };
};

/** `POST /api/v1/agents/:id/revoke`: the agent's next request is refused. Errors: `forbidden`, `not_found`. */
export const revoke = async (deps: Deps, principal: Principal, agentId: string): Promise<{ id: string }> => {
  requireOperator(principal);
  if (!(await revokeAgent(deps.db, agentId, principal.environmentId)))
    throw new AppError("not_found", "Agent not found");
  forgetAgent(deps, agentId);
  await deps.hints.wakeAgent(agentId);
  return { id: agentId };
};

/** `POST /api/v1/agents/:id/drain` and `/undrain`: it is told at once, and its runs go on. Errors: `forbidden`, `not_found`. */
export const drainAgent = async (
  deps: Deps,
  principal: Principal,
  agentId: string,
  isDrained: boolean,
): Promise<AgentDrain> => {
  requireOperator(principal);
  const poolId = await setAgentDraining(deps.db, agentId, principal.environmentId, isDrained);
  if (poolId === null) throw new AppError("not_found", "Agent not found");
  await deps.hints.wakeAgent(agentId);
  return { id: agentId, isDrained };
};

/** Queued runs are counted up to this: more than that asks for every machine there is. Units: runs. */
const queuedMax = 1_000;

/** `GET /api/v1/agents/scale`. Errors: `forbidden`. Cost: one round trip, whatever the backlog. */
export const readScaleHint = async (deps: Deps, principal: Principal): Promise<ScaleHint> => {
  requireScope(principal, "read", [{ type: "agents" }]);
  const onlineMs = deps.settings.silentMs + deps.settings.holdMs;
  const scale = await readScale(deps.db, { environmentId: principal.environmentId, onlineMs, queuedMax });
  return { ...scale, wanted: scale.running + scale.queued, queuedMax };
};
