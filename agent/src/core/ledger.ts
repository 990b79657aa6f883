/**
 * Keeps what the poll and the report promise to the API from adding up to more than there is.
 *
 * I1  The free places named in requests under way never exceed the capacity there was when they were sent.
 * I2  A parked poll that promised nothing is worth cutting as soon as something can be promised; one that promised
 *     something is worth cutting only when nothing is left (the runtime died, the agent drains).
 */
export const createLedger = (capacity: () => number) => {
  const promised = { poll: 0, report: 0 };
  const claimable = () => Math.max(0, capacity() - promised.poll - promised.report);
  return {
    /** Takes all that is free for a request. Units: runs. */
    promise(by: "poll" | "report"): number {
      promised[by] = 0;
      promised[by] = claimable(); // I1
      return promised[by];
    },
    release(by: "poll" | "report"): void {
      promised[by] = 0;
    },
    claimable,
    /** Whether the poll under way should be cut and sent again. */
    pollIsStale(): boolean {
      return promised.poll === 0 ? claimable() > 0 : capacity() === 0; // I2
    },
  };
};

export type Ledger = ReturnType<typeof createLedger>;
