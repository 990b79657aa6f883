import { bothRooms, countFitting, noRoom, type Room, roomBeside } from "./room.ts";

/** Places for runs, and what the machines of those may take together; a room of null: only their number counts. */
export type Places = { runs: number; room: Room | null };

const none: Places = { runs: 0, room: noRoom };

/** Places that hold no run of any machine are none. */
const usable = (places: Places): Places =>
  places.runs <= 0 || (places.room !== null && countFitting(places.room) === 0)
    ? { runs: 0, room: places.room && noRoom }
    : places;

/**
 * Keeps what the poll and the report promise to the API from adding up to more than there is.
 *
 * I1  The free places and the room named in requests under way never exceed what there was when they were sent.
 * I2  A parked poll that promised nothing is worth cutting as soon as something can be promised; one that promised
 *     something is worth cutting only when nothing is left (the runtime died, the agent drains), or when a machine fits
 *     now that is larger than all that it has room for.
 */
export const createLedger = (capacity: () => Places) => {
  const promised = { poll: none, report: none };
  const left = (): Places => {
    const { runs, room } = capacity();
    const taken = bothRooms(promised.poll.room ?? noRoom, promised.report.room ?? noRoom);
    return {
      runs: Math.max(0, runs - promised.poll.runs - promised.report.runs),
      room: room && roomBeside(room, taken),
    };
  };
  const claimable = () => usable(left());
  const fitsMore = (): boolean => {
    const { room } = left();
    const asked = promised.poll.room;
    return room !== null && asked !== null && countFitting(bothRooms(asked, room)) > countFitting(asked);
  };
  return {
    /** Takes all that is free for a request. */
    promise(by: "poll" | "report"): Places {
      promised[by] = none;
      promised[by] = claimable(); // I1
      return promised[by];
    },
    release(by: "poll" | "report"): void {
      promised[by] = none;
    },
    claimable,
    /** Whether the poll under way should be cut and sent again. */
    pollIsStale(): boolean {
      return promised.poll.runs === 0 ? claimable().runs > 0 : capacity().runs === 0 || fitsMore(); // I2
    },
  };
};

export type Ledger = ReturnType<typeof createLedger>;
