import { expect, test } from "vitest";
import { createLedger } from "./ledger.ts";
import { countFitting, firstToEnd, type Room, roomLeft } from "./room.ts";

test("what runs were promised is not given again, and a host that shrank has nothing left", () => {
  const host = { cpu: 2, memoryMb: 4_096 };
  expect(roomLeft(host, [])).toEqual(host);
  expect(roomLeft(host, ["small-1x", "medium-1x"])).toEqual({ cpu: 0.5, memoryMb: 1_536 });
  expect(roomLeft({ cpu: 0.5, memoryMb: 256 }, ["small-2x"])).toEqual({ cpu: 0, memoryMb: 0 });
});

test("machines are counted that fit by CPUs and by memory", () => {
  expect(countFitting({ cpu: 0.2, memoryMb: 9_999 })).toBe(0);
  expect(countFitting({ cpu: 0.25, memoryMb: 256 })).toBe(1);
  expect(countFitting({ cpu: 1, memoryMb: 1_024 })).toBe(3);
  expect(countFitting({ cpu: 64, memoryMb: 65_536 })).toBe(7);
});

test("requests under way never promise more room than there is", () => {
  let room: Room = { cpu: 1, memoryMb: 2_048 };
  const ledger = createLedger(() => ({ runs: 8, room }));
  expect(ledger.promise("poll")).toEqual({ runs: 8, room });
  expect(ledger.promise("report")).toEqual({ runs: 0, room: { cpu: 0, memoryMb: 0 } });
  room = { cpu: 1.5, memoryMb: 2_560 };
  expect(ledger.promise("report")).toEqual({ runs: 0, room: { cpu: 0, memoryMb: 0 } }); // the poll has every place
  ledger.release("poll");
  expect(ledger.promise("report")).toEqual({ runs: 8, room });
});

test("without room for the smallest machine no place is promised", () => {
  const ledger = createLedger(() => ({ runs: 8, room: { cpu: 2, memoryMb: 255 } }));
  expect(ledger.promise("poll").runs).toBe(0);
  expect(ledger.claimable().runs).toBe(0);
  expect(ledger.pollIsStale()).toBe(false);
});

test("a poll is sent again when a larger machine would fit now, not for less", () => {
  let room: Room = { cpu: 0.5, memoryMb: 2_048 };
  let runs = 4;
  const ledger = createLedger(() => ({ runs, room }));
  expect(ledger.promise("poll").runs).toBe(4);
  room = { cpu: 0.75, memoryMb: 2_048 };
  runs = 5;
  expect(ledger.pollIsStale()).toBe(false);
  room = { cpu: 1, memoryMb: 2_048 };
  expect(ledger.pollIsStale()).toBe(true);
  ledger.release("poll");
  ledger.promise("poll");
  expect(ledger.pollIsStale()).toBe(false);
});

test("of waiting runs the one that frees most memory is ended first, then the one that waits longest", () => {
  const run = (
    name: string,
    waitingMb: number | null,
    machine: "small-1x" | "medium-1x",
    waitingSince: number,
  ) => {
    return { name, waitingMb, lease: { machine }, waitingSince };
  };
  const small = run("small", 12, "medium-1x", 1);
  const large = run("large", 1_800, "medium-1x", 9);
  expect(firstToEnd([small, large])?.name).toBe("large");
  const unseen = [run("later", null, "small-1x", 3), run("earlier", null, "small-1x", 2)];
  expect(firstToEnd([small, ...unseen])?.name).toBe("earlier"); // for its 512 MiB
  expect(firstToEnd([...unseen, run("larger", null, "medium-1x", 4)])?.name).toBe("larger");
  expect(firstToEnd([])).toBeUndefined();
});
