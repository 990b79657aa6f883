import { expect, test } from "vitest";
import { findCapacity } from "./find-capacity.ts";

const host = async () => ({ cpu: 4, memoryMb: 8_000 });
const reserve = { memoryFreeMbMin: 400 };

test("all CPUs of the host are given out, and its memory but the reserve", async () => {
  expect(await findCapacity(reserve, { host })).toEqual({ cpu: 4, memoryMb: 7_600 });
});

test("what was told counts, also beyond what the host has", async () => {
  expect(await findCapacity({ ...reserve, cpus: 16 }, { host })).toEqual({ cpu: 16, memoryMb: 7_600 });
  expect(await findCapacity({ ...reserve, cpus: 1, memoryMb: 512 }, { host })).toEqual({
    ...{ cpu: 1, memoryMb: 512 },
  });
});

test("a runtime that holds no run to its machine counts only when it is told what to give", async () => {
  const plain = { host: async () => null };
  expect(await findCapacity(reserve, plain)).toBeNull();
  expect(await findCapacity({ ...reserve, cpus: 3 }, plain)).toMatchObject({ cpu: 3 });
});

test("an engine that does not answer leaves this host's own figures", async () => {
  const silent = { host: () => Promise.reject(new Error("no engine")) };
  const found = await findCapacity(reserve, silent);
  expect(found?.cpu).toBeGreaterThanOrEqual(1);
  expect(found?.memoryMb).toBeGreaterThan(0);
});
