/**
 * Whether the agent's row `agent` says that it surely executes nothing any more: it was not heard since `since`, and what it
 * was ever told of how long its leases stand, with a margin, is over. An agent that asks for less than before keeps the
 * longer time until that has passed: its runners count by what they were told.
 */
export const isSilent = (agent: string, since: string): string =>
  `(${agent}.beat_at < ${since} and coalesce(${agent}.leases_until < (select app_now()), true))`;

/**
 * Whether it could have been heard by now: `heardMs` is SQL for how long agents could speak to the API without a break, less the
 * time that a beat and the margin take; null for always.
 */
export const couldSpeak = (agent: string, heardMs: string): string =>
  `(${heardMs} is null or coalesce(${agent}.lease_ms, 0) <= ${heardMs})`;
