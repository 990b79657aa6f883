import type { Lease, Order } from "@longshore/shared/contract/agent-protocol";
import { AppError } from "@longshore/shared/core/error-codes";
import type { Claim } from "../db/transitions/claim-answer.ts";
import type { ClaimRequest } from "../db/transitions/claim-request.ts";
import { claimRuns } from "../db/transitions/claim-runs.ts";
import { releaseRuns } from "../db/transitions/release-runs.ts";
import { settleLanes } from "../db/transitions/settle-lanes.ts";
import { forgetAgent } from "./authenticate-agent.ts";
import type { Deps } from "./deps.ts";
import { envOfRuns } from "./env-of-runs.ts";
import { takeTurns } from "./take-turns.ts";
import { toLease } from "./to-lease.ts";
import { wakeAfter } from "./wake.ts";

export type Work = {
  leases: Lease[];
  orders: Order[];
  poolId: string;
  draining: boolean;
  nextDueMs: number | null;
  /** Nothing was taken, and another agent may have the labels or the room for what there is. */
  forOthers: boolean;
};

/**
 * Takes work for an agent and makes leases of it. What remains open wakes another poll; lanes that were closed as empty
 * are looked at once more, after the answer.
 *
 * Errors: `unauthorized`, `agent_revoked`, `session_superseded`. Cost: one round trip before the answer; up to three more
 * where nothing but runs too large for the agent was found.
 */
export const claimWork = async (deps: Deps, request: ClaimRequest, poolId: string): Promise<Work> => {
  const claim = await claimWhatFits(deps, request, poolId);
  if (claim.kind === "missing") throw new AppError("unauthorized", "This API does not know the agent.");
  if (claim.kind === "revoked") {
    forgetAgent(deps, request.agentId);
    throw new AppError("agent_revoked", "This agent was revoked.");
  }
  if (claim.kind === "superseded") {
    throw new AppError("session_superseded", "A newer process polls with this agent's identity.", {
      shouldRetry: false,
    });
  }
  if (claim.emptied.length > 0) deps.later(lookAgain(deps, claim.emptied));
  if (claim.more && (claim.leases.length > 0 || claim.asideChanged || claim.emptied.length > 0)) {
    deps.later(deps.hints.wakePool(claim.poolId));
  }
  // Read once each before the leases are made: two hundred of one environment would all find its variables forgotten.
  const environmentIds = new Set(claim.leases.map(({ environment }) => environment.id));
  await Promise.all([...environmentIds].map((id) => envOfRuns(deps, id)));
  const outcomes = await Promise.all(
    claim.leases.map(async (claimed) => ({ claimed, outcome: await toLease(deps, claimed) })),
  );
  const releases = outcomes.flatMap(({ claimed, outcome }) =>
    outcome.kind === "lease"
      ? []
      : [{ runId: claimed.runId, epoch: claimed.epoch, reason: outcome.reason, retryable: false }],
  );
  if (releases.length > 0) deps.later(releaseRuns(deps.db, request.agentId, releases));
  return {
    leases: outcomes.flatMap(({ outcome }) => (outcome.kind === "lease" ? [outcome.lease] : [])),
    orders: claim.orders,
    poolId: claim.poolId,
    draining: claim.draining,
    nextDueMs: nextLookMs(claim),
    forOthers: claim.forOthers,
  };
};

/** How often a claim looks further, past lanes whose next runs are too large for the agent's room. */
const looksMax = 4;

/** The same past lanes that it found empty and has closed: cancelled in bulk, thousands may stand before the next run. */
const emptyLooksMax = 64;

/** Lanes beyond those that were passed over are looked at after so long. Units: milliseconds. */
const fruitlessMs = 5_000;

/** Slots that were kept for what goes on elsewhere are looked at again so soon: it may have begun by now. Units: milliseconds. */
const keptMs = 250;

/** When something comes due, or there may be lanes that this claim did not reach. Units: milliseconds since the epoch. */
const nextLookMs = ({
  nextDueInMs,
  passedOver,
  keptForOthers,
  leases,
}: Extract<Claim, { kind: "claimed" }>): number | null => {
  const due = nextDueInMs ?? Number.POSITIVE_INFINITY;
  const again = keptForOthers ? keptMs : passedOver ? fruitlessMs : Number.POSITIVE_INFINITY;
  const inMs = leases.length === 0 ? Math.min(due, again) : due;
  return Number.isFinite(inMs) ? Math.round(Date.now() + inMs) : null;
};

/** A claim is not kept waiting for another any longer than this. Units: milliseconds. */
const turnMsMax = 1_000;

const turns = new WeakMap<Deps["db"], ReturnType<typeof takeTurns>>();

/**
 * Claims of one pool go one after the other, where a process has several: two at once wait for the same environment
 * anyway, and the second then finds taken what its snapshot still shows.
 */
const claimInTurn = (deps: Deps, request: ClaimRequest, poolId: string): Promise<Claim> => {
  const call = () => claimRuns(deps.db, request);
  if (!deps.groupsCommits || request.free === 0) return call();
  const known = turns.get(deps.db) ?? takeTurns(turnMsMax);
  turns.set(deps.db, known);
  return known(poolId, call);
};

/** The lanes that it passed over have given up their turn, or were closed: what this does not reach, the next look does. */
const claimWhatFits = async (deps: Deps, request: ClaimRequest, poolId: string): Promise<Claim> => {
  const emptied: string[] = [];
  let looks = 1;
  for (let emptyLooks = 1; ; ) {
    const claim = await claimInTurn(deps, request, poolId);
    if (claim.kind !== "claimed") return claim;
    emptied.push(...claim.emptied);
    const hasNothing = request.free > 0 && claim.leases.length === 0;
    if (hasNothing && claim.passedOver && looks < looksMax) looks++;
    else if (hasNothing && claim.more && claim.emptied.length > 0 && emptyLooks < emptyLooksMax) emptyLooks++;
    else return { ...claim, emptied };
  }
};

const lookAgain = async (deps: Deps, laneIds: readonly string[]): Promise<void> => {
  const { environmentIds } = await settleLanes(deps.db, laneIds);
  if (environmentIds.length > 0) await wakeAfter(deps, { environmentIds, agentIds: [] });
};
