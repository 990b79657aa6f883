import type { Clock } from "@longshore/shared/core/clock";
import { expect, test } from "vitest";
import { createContact } from "./contact.ts";

const start = 1_000_000;
const makeClock = () => {
  const at = { wall: start, monotonic: 0 };
  const clock: Clock = { now: () => at.wall, monotonic: () => at.monotonic, sleep: async () => {} };
  const pass = (ms: number) => {
    at.wall += ms;
    at.monotonic += ms;
  };
  return { at, clock, pass };
};
/** So long after the start, on both clocks. */
const at = (ms: number) => ({ monotonic: ms, wall: start + ms });
const answer = { settings: { beatMs: 10_000, leaseMs: 30_000, holdMs: 50_000, drain: false }, cursor: "c" };

test("silence runs from the moment the acknowledged request was sent", () => {
  const { clock, pass } = makeClock();
  const contact = createContact(clock);
  pass(4_000);
  contact.acknowledged(at(1_000), answer);
  expect([contact.silentMs(), contact.leftMs()]).toEqual([3_000, 22_000]);
  contact.acknowledged(at(500), answer); // an older answer, read later
  expect(contact.silentMs()).toBe(3_000);
});

test("a host that was suspended has been silent for that time too", () => {
  const { at: time, clock, pass } = makeClock();
  const contact = createContact(clock);
  contact.acknowledged(at(0), answer);
  time.wall += 3_600_000; // the monotonic clock stood still
  pass(10);
  expect(contact.silentMs()).toBe(3_600_010);
  expect(contact.leftMs()).toBeLessThan(0);
  contact.acknowledged(contact.now(), answer);
  expect(contact.silentMs()).toBe(0);
});

const granted = (leaseMs: number) => ({ ...answer, settings: { ...answer.settings, leaseMs } });

test("a longer silence is asked for in each request, and used only once the API has granted it", () => {
  const { clock, pass } = makeClock();
  const contact = createContact(clock, 300_000);
  expect(contact.asks()).toEqual({ leaseMs: 305_000 });
  expect(createContact(clock).asks()).toEqual({});
  contact.acknowledged(at(0), answer); // an API that does not know of it
  expect([contact.runsForMs(), contact.leftMs()]).toEqual([25_000, 25_000]);
  pass(10_000);
  contact.acknowledged(at(10_000), granted(305_000));
  pass(299_000);
  expect(contact.leftMs()).toBe(1_000);
});

test("an older answer, read later, does not change how long runs may go on", () => {
  const { clock, pass } = makeClock();
  const contact = createContact(clock, 300_000);
  pass(5_000);
  contact.acknowledged(at(5_000), answer);
  contact.acknowledged(at(0), granted(305_000)); // a poll that another process of the API held
  pass(25_000);
  expect(contact.leftMs()).toBe(0);
  contact.acknowledged(at(20_000), granted(305_000));
  contact.acknowledged(at(10_000), answer);
  expect(contact.leftMs()).toBe(290_000);
});

test("a wall clock that is set back lengthens no lease", () => {
  const { at: time, clock, pass } = makeClock();
  const contact = createContact(clock);
  contact.acknowledged(at(0), answer);
  time.wall -= 3_600_000;
  pass(26_000);
  expect(contact.leftMs()).toBe(-1_000);
});

test("an answer that the API held back counts from when it renewed the leases, and never from later than now", () => {
  const { clock, pass } = makeClock();
  const contact = createContact(clock);
  pass(40_000);
  contact.acknowledged(at(0), { ...answer, renewedAfterMs: 39_000 });
  expect([contact.silentMs(), contact.leftMs()]).toEqual([1_000, 24_000]);
  contact.acknowledged(at(0), { ...answer, renewedAfterMs: 99_000 }); // its clock runs ahead
  expect(contact.silentMs()).toBe(0);
  pass(5_000);
  contact.acknowledged(at(40_000), answer); // an API that does not say
  expect([contact.silentMs(), contact.unheardMs()]).toEqual([5_000, 0]);
});

test("a host that was suspended while the answer waited for it has been silent for that time", () => {
  const { at: time, clock, pass } = makeClock();
  const contact = createContact(clock);
  pass(4_000);
  time.wall += 95_000;
  contact.acknowledged(at(0), { ...answer, renewedAfterMs: 5_000 });
  expect(contact.silentMs()).toBe(94_000);
});
