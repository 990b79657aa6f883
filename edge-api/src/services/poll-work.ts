import type { PollBody, PollResponse } from "@longshore/shared/contract/agent-protocol";
import { systemClock } from "@longshore/shared/core/clock";
import type { AgentRow } from "../db/queries/find-credentials.ts";
import type { AgentView, ClaimRequest } from "../db/transitions/claim-request.ts";
import { askedLease, leaseMsOf } from "../domain/lease-time.ts";
import { textHash } from "../domain/text-hash.ts";
import { blindPollMs, type Listener } from "../hints/hints.ts";
import { claimWork, type Work } from "./claim-work.ts";
import type { Deps } from "./deps.ts";
import { loseUnheld } from "./lose-unheld.ts";
import { newsOfBundles } from "./news-of-bundles.ts";
import { runDueWork } from "./run-due-work.ts";

/** Without a presence book, an idle poll writes its beat at least this often. Units: milliseconds. */
const mirrorMs = 60_000;

/** What a text column takes. */
const plain = (text: string): string => text.replaceAll("\0", "");

const toView = ({ drainsItself, warm, heldBack, lastError }: PollBody): AgentView => ({
  drainsItself: drainsItself ?? false,
  warm: warm ?? 0,
  heldBack: heldBack ? plain(heldBack) : null,
  lastError: lastError ? { at: lastError.at, message: plain(lastError.message) } : null,
});

const toRequest = (deps: Deps, agent: AgentRow, body: PollBody): ClaimRequest => ({
  agentId: agent.id,
  bootId: body.bootId,
  free: body.free,
  slots: body.slots,
  room: body.room ?? null,
  capacity: body.capacity ?? null,
  lease: askedLease(deps.settings, body.leaseMs),
  held: body.held,
  version: body.version,
  runtime: body.runtime,
  labels: body.labels ?? null,
  draining: body.draining ?? null,
  view: toView(body),
});

/** What is overdue is looked for no more often than this, should another poll be at it. Units: milliseconds. */
const duePauseMs = 20;

/**
 * A poll's cursor: what was known of the topics, when the database was last asked, what it said comes due next, and what
 * the agent said of whether it takes runs, and of which size; and up to when it was told what became current.
 */
type Cursor = {
  topics: string;
  askedMs: number;
  nextDueMs: number | null;
  takes: string;
  room: string;
  toldMs: number;
};

const readCursor = (text: string | null): Cursor | null => {
  const [askedMs, due, takes = "", room = "", toldMs, ...topics] = (text ?? "").split("~");
  if (topics.length === 0) return null;
  const nextDueMs = due === "" ? null : Number(due);
  return {
    topics: topics.join("~"),
    askedMs: Number(askedMs),
    nextDueMs,
    takes,
    room,
    toldMs: Number(toldMs) || 0,
  };
};

const writeCursor = (cursor: Cursor): string =>
  `${cursor.askedMs}~${cursor.nextDueMs ?? ""}~${cursor.takes}~${cursor.room}~${cursor.toldMs}~${cursor.topics}`;

/** What decides whether the agent counts among those that take runs; short, and the same from every process. */
const takesOf = ({ drainsItself, heldBack }: PollBody): string =>
  drainsItself || heldBack ? textHash(`${drainsItself ?? false} ${heldBack ?? ""}`) : "";

/** A run that was too large when the agent last asked may fit now. */
const roomOf = ({ room }: PollBody): string => (room ? `${room.cpu}/${room.memoryMb}` : "");

/**
 * An idle agent whose topics have not moved since it last asked needs no statement: nothing can have come for it.
 * Whoever holds runs always asks: the poll is its beat. Whoever says otherwise than before whether it takes runs asks
 * once, which writes it down; so the cursor, not a process, remembers what it said.
 */
const isUnchanged = (deps: Deps, body: PollBody, known: Cursor | null, topics: string | null): boolean =>
  known !== null &&
  topics !== null &&
  known.topics === topics &&
  known.takes === takesOf(body) &&
  known.room === roomOf(body) &&
  body.held.length === 0 &&
  (deps.presence !== null || Date.now() - known.askedMs < mirrorMs);

/** An agent that does not know yet that it should drain, or drains only because it was told to once, is told at once. */
const isNewsOfDrain = (body: PollBody, draining: boolean): boolean =>
  draining ? body.draining !== true : body.draining === true && body.drainsItself !== true;

const hasSomething = (work: Work): boolean => work.leases.length > 0 || work.orders.length > 0;

/** How long to park: until the hold is over, something comes due, or (with hints cut) it is time to look again. */
const parkMs = (deps: Deps, listener: Listener, endsAtMs: number, nextDueMs: number | null): number => {
  const left = endsAtMs - performance.now();
  const due = nextDueMs === null ? Number.POSITIVE_INFINITY : Math.max(duePauseMs, nextDueMs - Date.now());
  const blind = listener.isLive() ? Number.POSITIVE_INFINITY : blindPollMs * (0.5 + deps.random());
  return Math.max(0, Math.min(left, due, blind));
};

/** How long what there is, is left to agents that can start runs. Units: milliseconds. */
const yieldMs = 500;

/**
 * An agent on which starts fail asks for one run at a time, to see whether it can: the others choose first. Otherwise it
 * could win the run that it gave back each time, until that has been given back too often.
 */
const letOthersChoose = async (body: PollBody, listener: Listener, signal: AbortSignal): Promise<void> => {
  if (!body.heldBack || body.free === 0) return;
  listener.passOn();
  await systemClock.sleep(yieldMs, signal);
};

/** Due work is done by one poll of all; the others find their topics moved. */
const runDue = async (deps: Deps, dueMs: number): Promise<void> => {
  if (dueMs > Date.now()) return;
  if (await deps.hints.once(`due:${dueMs}`, 5_000)) await runDueWork(deps);
};

/**
 * `POST /agent/v1/poll`: held until there is work or an order, a hint comes, or the hold is over. While it is parked it
 * costs no statement. Cutting it at any instant is safe: a lease that did not arrive is repeated by the next answer.
 */
export const pollWork = async (
  deps: Deps,
  agent: AgentRow,
  body: PollBody,
  signal: AbortSignal,
): Promise<PollResponse> => {
  const beganMs = performance.now();
  const endsAtMs = beganMs + Math.min(body.holdMs, deps.settings.holdMs);
  let renewedAfterMs = 0;
  const listener = await deps.hints.listen({
    poolId: body.free > 0 && !body.draining ? agent.poolId : null,
    agentId: agent.id,
  });
  try {
    deps.presence?.seen(agent.id);
    const known = readCursor(body.cursor);
    await loseUnheld(deps, agent, body);
    const takes = takesOf(body);
    let isNews = !body.cursor || known?.takes !== takes;
    let topics = await listener.cursor();
    let nextDueMs = known?.nextDueMs ?? null;
    let askedMs = known?.askedMs ?? 0;
    let toldMs = known?.toldMs ?? 0;
    const bundles: string[] = [];
    let draining = false;
    let work: Work | null = null;
    let shouldAsk = !isUnchanged(deps, body, known, topics);
    for (;;) {
      if (shouldAsk) {
        await letOthersChoose(body, listener, signal);
        if (signal.aborted) break;
        renewedAfterMs = Math.floor(performance.now() - beganMs);
        work = await claimWork(deps, toRequest(deps, agent, body), agent.poolId);
        // An older process with this identity may be parked, and would not learn that it is superseded until work came.
        // And should this answer be cut, the agent's next poll has an older cursor: moved topics make it ask again.
        if (isNews) deps.later(deps.hints.wakeAgent(agent.id));
        isNews = false;
        ({ nextDueMs, draining } = work);
        // What was current before a process began is told with its first answer; what becomes so is an answer of its own.
        const isFirst = askedMs === 0;
        askedMs = Date.now();
        // Work is not kept waiting for it: an agent that has caught up asks again.
        const isBusy = hasSomething(work) && !isFirst;
        const code = isBusy ? { hashes: [], toldMs } : await newsOfBundles(deps, work.poolId, toldMs);
        bundles.push(...code.hashes);
        toldMs = code.toldMs;
        // Code is news for every agent; a run that this one cannot take, for the one that can.
        if (code.hashes.length > 0 || work.forOthers) listener.passOn();
        if (hasSomething(work) || (code.hashes.length > 0 && !isFirst) || isNewsOfDrain(body, draining)) {
          // Agents that are answered at once each time must not keep what is due waiting for the sweep.
          if (nextDueMs !== null && nextDueMs <= Date.now()) deps.later(runDue(deps, nextDueMs));
          break;
        }
      }
      const ms = parkMs(deps, listener, endsAtMs, nextDueMs);
      if (ms <= 0 && endsAtMs - performance.now() <= 0) break;
      const isWoken = await listener.wait(ms, signal);
      if (signal.aborted) {
        if (isWoken) await deps.hints.wakePool(agent.poolId); // it was for work that another may take
        break;
      }
      const isDue = nextDueMs !== null && nextDueMs <= Date.now();
      if (isDue && nextDueMs !== null) await runDue(deps, nextDueMs);
      shouldAsk = isWoken || isDue || !listener.isLive();
      if (shouldAsk) topics = await listener.cursor();
    }
    const cursor = writeCursor({
      topics: topics ?? "?",
      askedMs,
      nextDueMs,
      takes,
      room: roomOf(body),
      toldMs,
    });
    const said = answer(deps, work, cursor, draining, body.leaseMs);
    return { ...said, renewedAfterMs, ...(bundles.length === 0 ? {} : { bundles }) };
  } finally {
    listener.close();
  }
};

/**
 * The common part of every answer to an agent. `leaseMs`: what it asked for. Whatever lease it holds came by a claim that wrote
 * this into its row first; an answer without a claim goes to agents that hold nothing.
 */
export const answer = (
  deps: Deps,
  work: Work | null,
  cursor: string,
  draining: boolean,
  leaseMs: number | undefined,
): PollResponse => ({
  cursor,
  leases: work?.leases ?? [],
  orders: work?.orders ?? [],
  settings: {
    beatMs: deps.settings.beatMs,
    leaseMs: leaseMsOf(deps.settings, leaseMs),
    holdMs: deps.settings.holdMs,
    drain: draining,
  },
});
