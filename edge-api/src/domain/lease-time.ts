import { leaseMsMax } from "@longshore/shared/contract/agent-protocol";

/** How long leases stand by the API's own settings. Units: milliseconds. */
type Standard = { leaseMs: number; silentMs: number };

/**
 * How long an agent's leases stand unheard, when it asks for `askedMs`: never less than any agent's. Units: milliseconds.
 */
export const leaseMsOf = ({ leaseMs }: Standard, askedMs: number | undefined): number =>
  Math.max(leaseMs, Math.min(askedMs ?? 0, leaseMsMax));

/** The longest silence of an agent with such leases, after which others get what it held: the margin is everybody's. */
export const silentMsOf = (standard: Standard, leaseMs: number | null): number =>
  Math.max(leaseMs ?? 0, standard.leaseMs) + standard.silentMs - standard.leaseMs;

/** What its row has to say of it; null where it asks for nothing of its own. */
export const askedLease = (
  standard: Standard,
  askedMs: number | undefined,
): { ms: number; silentMs: number } | null => {
  const ms = leaseMsOf(standard, askedMs);
  return ms === standard.leaseMs ? null : { ms, silentMs: silentMsOf(standard, ms) };
};
