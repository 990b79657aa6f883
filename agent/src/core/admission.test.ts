import type { Clock } from "@longshore/shared/core/clock";
import { expect, test } from "vitest";
import { createAdmission } from "./admission.ts";

const makeClock = () => {
  const at = { ms: 0 };
  const clock: Clock = { now: () => at.ms, monotonic: () => at.ms, sleep: async () => {} };
  return { at, clock };
};
const fail = () => Promise.reject(new Error("no such image"));

test("after a failed start nothing is taken for a pause, then one at a time until one has started", async () => {
  const { at, clock } = makeClock();
  const admission = createAdmission(clock);
  expect(admission.room(3)).toBe(Number.POSITIVE_INFINITY);
  await expect(admission.watch(fail)).rejects.toThrow("no such image");
  expect([admission.room(0), admission.dueInMs()]).toEqual([0, 500]);
  expect(admission.reasons()).toEqual(["the last start failed: no such image"]);
  at.ms = 500;
  expect([admission.room(0), admission.room(1)]).toEqual([1, 0]);
  await expect(admission.watch(fail)).rejects.toThrow();
  expect(admission.dueInMs()).toBe(1_000); // longer each time
  for (let i = 0; i < 10; i++) await admission.watch(fail).catch(() => {});
  expect(admission.dueInMs()).toBe(8_000); // but bounded
  at.ms += 8_000;
  await admission.watch(async () => "id");
  expect([admission.room(5), admission.reasons()]).toEqual([Number.POSITIVE_INFINITY, []]);
});

test("a start that fails for what it should start, and not for this host, holds nothing back", async () => {
  const admission = createAdmission(makeClock().clock);
  await expect(admission.watch(fail, () => false)).rejects.toThrow("no such image");
  expect([admission.room(5), admission.reasons()]).toEqual([Number.POSITIVE_INFINITY, []]);
});

test("code that cannot be written pauses as well, though its container starts", async () => {
  const { at, clock } = makeClock();
  const admission = createAdmission(clock);
  admission.placeFailed(new Error("no space left on device"));
  await admission.watch(async () => "id");
  expect([admission.room(0), admission.dueInMs()]).toEqual([0, 500]);
  expect(admission.reasons()).toEqual(["the last start failed: no space left on device"]);
  at.ms = 500;
  expect([admission.room(0), admission.room(1)]).toEqual([1, 0]);
  admission.began();
  expect([admission.room(5), admission.reasons()]).toEqual([Number.POSITIVE_INFINITY, []]);
});

test("a start that hangs keeps more from being taken", async () => {
  const { at, clock } = makeClock();
  const admission = createAdmission(clock);
  let finish: () => void = () => {};
  const hanging = admission.watch(
    () =>
      new Promise<void>((resolve) => {
        finish = resolve;
      }),
  );
  expect(admission.room(1)).toBe(Number.POSITIVE_INFINITY);
  at.ms = admission.dueInMs();
  expect([admission.room(1), admission.reasons()]).toEqual([0, ["a container does not start"]]);
  finish();
  await hanging;
  expect(admission.room(0)).toBe(Number.POSITIVE_INFINITY);
});

test("while an obstacle stands nothing is taken, and its end is told", () => {
  const { clock } = makeClock();
  const admission = createAdmission(clock);
  let changes = 0;
  admission.onChange(() => changes++);
  admission.obstacle("disk", "full");
  admission.obstacle("disk", "full");
  expect([admission.room(0), admission.reasons(), changes]).toEqual([0, ["full"], 1]);
  admission.obstacle("disk", null);
  expect([admission.room(0), changes]).toEqual([Number.POSITIVE_INFINITY, 2]);
});
