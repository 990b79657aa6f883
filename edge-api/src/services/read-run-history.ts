import type { RunState } from "@longshore/shared/contract/run-status";
import type { RunEvent, RunExplanation, RunLogs, RunTimeline } from "@longshore/shared/contract/runs";
import { AppError } from "@longshore/shared/core/error-codes";
import { readLogs, readSituation, readTimeline, type TimelineRow } from "../db/queries/read-run-history.ts";
import { explain } from "../domain/explain.ts";
import { wireStatus } from "../domain/wire-status.ts";
import type { Principal } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { getReadableRun } from "./read-run.ts";
import { serialiseError } from "./serialise-run.ts";
import { wireDate, wireDateOrNull } from "./wire-date.ts";

/** A finaliser follows the last move of its run: it is told as two events more, the second when its run was made. */
const finaliserEvents = ({ finaliser }: TimelineRow): RunEvent[] => {
  if (finaliser === null) return [];
  const { task, dueAt, runId, madeAt } = finaliser;
  const event = (name: string, at: string, message: string): RunEvent => ({
    ...{ id: name, at: wireDate(at), kind: name, message },
    ...{ from: null, to: null, attempt: null, agentId: null },
  });
  const due = event("finaliser_due", dueAt, task);
  return runId === null || madeAt === null ? [due] : [due, event("finaliser_triggered", madeAt, runId)];
};

/** `GET /api/v1/runs/:id/events`. Errors: as for the run itself. */
export const readRunTimeline = async (
  deps: Deps,
  principal: Principal,
  runId: string,
): Promise<RunTimeline> => {
  await getReadableRun(deps, principal, runId);
  const rows = await readTimeline(deps.db, runId);
  return {
    events: [...rows.events.map((event) => ({ ...event, at: wireDate(event.at) })), ...finaliserEvents(rows)],
    attempts: rows.attempts.map((attempt) => ({
      ...attempt,
      leasedAt: wireDate(attempt.leasedAt),
      startedAt: wireDate(attempt.startedAt),
      finishedAt: wireDateOrNull(attempt.finishedAt),
      error: serialiseError(attempt.error),
    })),
    waits: rows.waits.map((wait) => ({
      ...wait,
      dueAt: wireDateOrNull(wait.dueAt),
      createdAt: wireDate(wait.createdAt),
      completedAt: wireDateOrNull(wait.completedAt),
    })),
  };
};

const parseCursor = (after: string | undefined): { attempt: number; seq: number } => {
  if (after === undefined) return { attempt: -1, seq: -1 };
  const match = /^(-?\d{1,9})\.(-?\d{1,9})$/.exec(after);
  if (match === null) throw new AppError("bad_request", "after is no cursor of this list");
  return { attempt: Number(match[1]), seq: Number(match[2]) };
};

/** `GET /api/v1/runs/:id/logs`. Errors: as for the run itself, and `bad_request` for a foreign cursor. */
export const readRunLogs = async (
  deps: Deps,
  principal: Principal,
  runId: string,
  page: { after?: string | undefined; limit: number },
): Promise<RunLogs> => {
  const after = parseCursor(page.after);
  await getReadableRun(deps, principal, runId);
  const rows = await readLogs(deps.db, runId, after, page.limit);
  const last = rows.at(-1) ?? after;
  return {
    lines: rows.map(({ attributes, ...line }) => ({
      ...line,
      at: wireDate(line.at),
      ...(attributes === null ? {} : { attributes }),
    })),
    next: `${last.attempt}.${last.seq}`,
  };
};

/** `GET /api/v1/runs/:id/explain`. Errors: as for the run itself. Cost: three round trips. */
export const explainRun = async (
  deps: Deps,
  principal: Principal,
  runId: string,
): Promise<RunExplanation> => {
  const { run } = await getReadableRun(deps, principal, runId);
  const { beatMs, holdMs, silentMs } = deps.settings;
  // Two beats may be missed before a person is told.
  const times = { onlineMs: silentMs + holdMs, silentMs, beatsMs: 3 * beatMs };
  const situation = await readSituation(deps.db, runId, times);
  const { home, unheard } = situation;
  const state = run.state as RunState;
  const waits = situation.waits.map((wait) => ({ ...wait, dueAt: wireDateOrNull(wait.dueAt) }));
  const circumstances = {
    ...situation,
    home: home && { ...home, lostAt: wireDate(home.lostAt) },
    unheard: unheard && { ...unheard, seenAt: wireDate(unheard.seenAt), lostAt: wireDate(unheard.lostAt) },
    state,
    waits,
    attempt: run.attempt,
    isCanceling: run.cancelRequestedAt !== null && run.finishedAt === null,
    reason: run.reason,
    dueAt: wireDateOrNull(situation.dueAt),
  };
  return {
    runId,
    status: wireStatus({ state, attempt: run.attempt, releaseCount: run.releaseCount }),
    ...explain(circumstances),
  };
};
