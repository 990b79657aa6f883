import { systemClock } from "@longshore/shared/core/clock";
import { expect, test } from "vitest";
import type { RuntimeEvent } from "../ports/container-runtime.ts";
import { type EventsDeps, eventsLoop } from "./events.ts";

/** A runtime that cannot list its containers for the first `failures` times, and is heard from then on. */
const begin = (failures: number) => {
  const alive: boolean[] = [];
  const stop = new AbortController();
  let left = failures;
  const runtime = {
    name: "docker",
    ping: async () => true,
    list: async () => {
      if (left-- > 0) throw new Error("socket hang up");
      return [];
    },
    watch: async function* (signal: AbortSignal): AsyncIterable<RuntimeEvent> {
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    },
  };
  let tellUp = () => {};
  const isUp = new Promise<void>((resolve) => {
    tellUp = resolve;
  });
  const executions = {
    desired: async () => [],
    setRuntimeAlive: (is: boolean) => {
      alive.push(is);
      if (is) tellUp();
    },
  };
  const quiet = { info: () => {}, warn: () => {}, error: () => {} };
  const clock = { ...systemClock, sleep: async () => undefined };
  const deps = { runtime, executions, logger: quiet, clock, say: () => {}, random: () => 0 };
  return { deps: deps as unknown as EventsDeps, alive, stop, isUp };
};

test("a runtime that was away at the start is found again, and work is taken from then on", async () => {
  const { deps, alive, stop, isUp } = begin(0);
  const loop = eventsLoop(deps, false, stop.signal);
  await isUp;
  stop.abort();
  expect(await loop).toEqual({ kind: "stopped" });
  expect(alive).toEqual([false, true]);
});

test("a runtime that answers but cannot be reconciled counts as away until it can", async () => {
  const { deps, alive, stop, isUp } = begin(2);
  const loop = eventsLoop(deps, false, stop.signal);
  await isUp;
  stop.abort();
  await loop;
  expect(alive).toEqual([false, false, false, true]);
});
