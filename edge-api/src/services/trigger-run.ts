import { type Principal, requireScope } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { offloadPayload } from "./offload-packets.ts";
import { requireRoom } from "./queue-depth.ts";
import { debounceOf, type TriggerRequest, toTriggerItem } from "./to-trigger-item.ts";
import { signTokenFor } from "./tokens.ts";
import { writeTrigger } from "./write-triggers.ts";

/** Life of the token a trigger answers with. Units: seconds. */
const handleTokenLifeS = 3_600;

/**
 * Triggers a task: the run exists, durably, when this returns.
 *
 * Errors: `not_found` for an unknown task, `unprocessable` for options that cannot be honoured, `forbidden`.
 * Cost: one round trip, shared with the triggers that arrive meanwhile. Source: the client wire contract, 4.1.
 */
export const triggerRun = async (
  deps: Deps,
  principal: Principal,
  request: TriggerRequest,
): Promise<{ id: string; isCached: boolean; token: string; claims: object }> => {
  requireScope(principal, "trigger", [{ type: "tasks", id: request.task }]);
  const item = await toTriggerItem(principal.environmentId, request);
  await requireRoom(deps, item);
  const writing = writeTrigger(deps, await offloadPayload(deps, item), debounceOf(request.body.options));
  // Signed while the statement is on its way; nearly always it makes the run that was asked for.
  const [{ id: runId, isCached }, handle] = await Promise.all([writing, handleOf(deps, principal, item.id)]);
  return { id: runId, isCached, ...(runId === item.id ? handle : await handleOf(deps, principal, runId)) };
};

/** What opens one run, and what is in it, for whoever triggered it. */
const handleOf = async (deps: Deps, principal: Principal, runId: string) => {
  const { realtime } = principal;
  const scopes = [`read:runs:${runId}`, `write:inputStreams:${runId}`];
  const claims = { pub: true, scopes, ...(realtime === undefined ? {} : { realtime }) };
  return {
    token: await signTokenFor(deps, principal, claims, handleTokenLifeS),
    claims: { sub: principal.environmentId, ...claims },
  };
};
