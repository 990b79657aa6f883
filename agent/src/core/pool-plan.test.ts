import { expect, test } from "vitest";
import { countToFork, type IdleContainer, type PoolView, planPool } from "./pool-plan.ts";

const settings = { min: 2, buffer: 2, idleMs: 1_000, memoryMbMax: 1_000, forked: 1 };
const idle = (key: string, over: Partial<IdleContainer> = {}): IdleContainer => ({
  key,
  machine: "small-1x",
  isBound: false,
  idleSinceMs: 5_000,
  memoryMb: 10,
  ...over,
});
const plan = (over: Partial<PoolView> = {}) =>
  planPool({
    settings,
    slots: 8,
    busy: 0,
    idle: [],
    machines: ["small-1x"],
    lastWorkMs: null,
    nowMs: 5_000,
    ...over,
  });

test("an idle agent keeps the minimum, one with work the buffer too", () => {
  expect(plan().create).toHaveLength(2);
  expect(plan({ busy: 1 }).create).toHaveLength(4);
  expect(plan({ lastWorkMs: 4_500 }).create).toHaveLength(4);
  expect(plan({ lastWorkMs: 3_000 }).create).toHaveLength(2);
  expect(plan({ idle: [idle("a"), idle("b")] })).toMatchObject({ create: [], remove: [], againInMs: null });
});

test("idle and busy containers never exceed the slots", () => {
  expect(plan({ busy: 7 }).create).toHaveLength(1);
  expect(plan({ busy: 8 }).create).toEqual([]);
  const both = [idle("old", { isBound: true, idleSinceMs: 4_500 }), idle("new", { isBound: true })];
  expect(plan({ busy: 7, idle: both }).remove).toEqual(["old"]);
  expect(plan({ busy: 8, idle: both }).remove).toEqual(["old", "new"]);
});

test("code that was just wanted stays, code that rests makes way for the minimum", () => {
  const fresh = Array.from({ length: 8 }, (_, nth) =>
    idle(`w${nth}`, { isBound: true, idleSinceMs: 10_000 + nth }),
  );
  const kept = { ...settings, idleMs: 60_000 };
  const soon = plan({ settings: kept, idle: fresh, nowMs: 11_000 });
  expect(soon).toMatchObject({ create: [], remove: [], againInMs: 4_000 });
  const later = plan({ settings: kept, idle: fresh, nowMs: 20_000 });
  expect(later.remove).toEqual(["w0", "w1"]);
  expect(later.create).toHaveLength(2);
  expect(
    plan({ settings: kept, slots: 1, idle: [idle("w", { isBound: true })], nowMs: 20_000 }).remove,
  ).toEqual([]);
});

test("what nobody used for long goes, down to the minimum", () => {
  const before = { idleSinceMs: 3_000 };
  const found = plan({
    idle: [idle("w", { ...before, isBound: true }), idle("a", before), idle("b", before), idle("c", before)],
  });
  expect(found.remove).toHaveLength(2);
  expect(found.remove).toContain("w");
  expect(found.create).toEqual([]);
  expect(
    plan({ idle: [idle("w", { isBound: true, idleSinceMs: 4_400 }), idle("a"), idle("b")] }).againInMs,
  ).toBe(400);
});

test("what idles stays under the memory ceiling", () => {
  const warm = [
    idle("old", { isBound: true, memoryMb: 600, idleSinceMs: 4_500 }),
    idle("new", { isBound: true, memoryMb: 600 }),
  ];
  expect(plan({ idle: warm })).toMatchObject({ remove: ["old"] });
  expect(plan({ settings: { ...settings, memoryMbMax: 20 } }).create).toHaveLength(1);
});

test("Node is up in as many generic containers as are wanted and fit", () => {
  expect(countToFork({ ...settings, forked: 2 }, 1, 0)).toBe(1);
  expect(countToFork({ ...settings, forked: 2 }, 3, 0)).toBe(0);
  expect(countToFork({ ...settings, forked: 4, memoryMbMax: 100 }, 0, 30)).toBe(2);
  expect(countToFork(settings, 0, 2_000)).toBe(0);
});

test("the machines that runs came for share the pool", () => {
  expect(plan({ machines: ["micro", "small-1x"] }).create.sort()).toEqual(["micro", "small-1x"]);
  const stale = [idle("a", { machine: "large-1x", idleSinceMs: 3_000 }), idle("b")];
  expect(plan({ idle: stale })).toMatchObject({ remove: ["a"], create: ["small-1x"] });
});
