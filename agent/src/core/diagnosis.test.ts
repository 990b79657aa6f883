import { expect, test } from "vitest";
import { roomCheck, silenceCheck } from "./diagnosis.ts";

const host = { cpu: 4, memoryMb: 8_000 };

test("the size check says how many runs of the default machine fit, by the scarcest of slots, CPUs and memory", () => {
  expect(roomCheck(16, { cpu: 4, memoryMb: 7_600 }, host)).toMatchObject({
    ...{ state: "ok", says: "4 CPUs and 7600 MiB for runs: 8 of the default machine at once" },
  });
  expect(roomCheck(3, host, host).says).toContain("3 of the default machine");
  expect(roomCheck(16, { cpu: 4, memoryMb: 1_100 }, null).says).toContain("2 of the default machine");
});

test("room for no run fails, and more than the host has is a warning", () => {
  expect(roomCheck(4, { cpu: 4, memoryMb: 300 }, host)).toMatchObject({ state: "fail", name: "size" });
  expect(roomCheck(4, { cpu: 8, memoryMb: 7_600 }, host)).toMatchObject({
    ...{ state: "warn", says: expect.stringContaining("the host has 4 CPUs and 8000 MiB") },
  });
});

test("the silence check warns when runs go on for less than is asked for", () => {
  const running = { runsForMs: 25_000, asksMs: null };
  expect(silenceCheck(null, running)).toMatchObject({
    state: "ok",
    says: "runs go on for 25 s without the API",
  });
  expect(silenceCheck(300_000, null)).toMatchObject({ state: "ok" });
  expect(silenceCheck(300_000, { runsForMs: 300_000, asksMs: 300_000 }).state).toBe("ok");
  expect(silenceCheck(300_000, { runsForMs: 25_000, asksMs: 300_000 }).says).toContain("not for 300 s");
  expect(silenceCheck(300_000, running)).toMatchObject({ state: "warn", next: "Restart the agent." });
});
