/** Freezing must be over before the API may give the runs to another. Units: milliseconds. */
const freezeMs = 5_000;

/** How long an agent lets its runs go on unheard, of a lease of `leaseMs`. Units: milliseconds. */
export const runsForMs = (leaseMs: number): number => Math.max(leaseMs / 2, leaseMs - freezeMs);

/** The lease that lets runs go on for `ms`. Units: milliseconds. */
export const leaseMsFor = (ms: number): number => ms + freezeMs;
