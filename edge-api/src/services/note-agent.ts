import type { PollBody } from "@longshore/shared/contract/agent-protocol";
import type { AgentRow } from "../db/queries/find-credentials.ts";
import { noteAgentView } from "../db/transitions/note-agent.ts";
import type { Deps } from "./deps.ts";

/** What each agent said last, as far as this process heard it: saying it again costs nothing. */
const heard = new WeakMap<Deps["db"], Map<string, string>>();
const agentsMax = 10_000;

/** What a text column takes. */
const plain = (text: string): string => text.replaceAll("\0", "");

/**
 * Keeps what an agent says of itself (warm runners, why it is held back, its last error, a drain on its own host) when it
 * is new to this process.
 *
 * Cost: none while it says the same; else one round trip.
 */
export const noteAgent = async (deps: Deps, agent: AgentRow, body: PollBody): Promise<void> => {
  const view = {
    bootId: body.bootId,
    drainsItself: body.drainsItself ?? false,
    warm: body.warm ?? 0,
    heldBack: body.heldBack ? plain(body.heldBack) : null,
    lastError: body.lastError ? { at: body.lastError.at, message: plain(body.lastError.message) } : null,
  };
  const known = heard.get(deps.db) ?? new Map<string, string>();
  heard.set(deps.db, known);
  const said = JSON.stringify(view);
  if (known.get(agent.id) === said) return;
  await noteAgentView(deps.db, { agentId: agent.id, ...view });
  known.delete(agent.id);
  known.set(agent.id, said);
  if (known.size > agentsMax) known.delete(known.keys().next().value as string);
};
