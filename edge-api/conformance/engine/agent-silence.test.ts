import { waitRuns } from "@longshore/edge-api/db/transitions/wait-runs";
import { createHearing } from "@longshore/edge-api/services/hearing";
import { sweep } from "@longshore/edge-api/services/sweep";
import { newId } from "@longshore/shared/core/ids";
import { describe, expect, test } from "vitest";
import { depsOf } from "./deps-of.ts";
import { describeAgents } from "./describe-agents.ts";

describeAgents("silence of agents", (t, { startProcess, place }) => {
  describe("an agent that asks for a longer silence", () => {
    const leaseMs = 305_000;
    const lostAfterMs = leaseMs + 5_000;
    const settings = (ms: number) => ({ settings: { leaseMs: ms } });

    test("is granted it, in polls and reports, and keeps its runs for that long and a margin", async () => {
      const [p, usual] = [await place(), await place()];
      const [held, other] = [await p.begin("boot_1"), await usual.begin("boot_1")];
      expect(await usual.poll("boot_1", { held: [other] })).toMatchObject(settings(30_000));
      expect(await p.poll("boot_1", { held: [held], leaseMs })).toMatchObject(settings(leaseMs));
      await t.advance(10_000);
      expect(await p.report("boot_1", { held: [held], leaseMs })).toMatchObject(settings(leaseMs));
      await t.advance(lostAfterMs - 1_000);
      await sweep(startProcess());
      expect(await usual.run(other)).not.toMatchObject({ state: "executing" });
      expect(await p.run(held)).toMatchObject({ state: "executing", attempt: 1 });
      await t.advance(2_000);
      await sweep(startProcess());
      expect(await p.run(held)).not.toMatchObject({ state: "executing" });
    });

    test("keeps it until it has passed when a new process asks for less: its runners count by what they were told", async () => {
      const p = await place();
      const held = await p.begin("boot_1");
      await p.poll("boot_1", { held: [held], leaseMs });
      expect(await p.poll("boot_2", { held: [held] })).toMatchObject(settings(30_000));
      await t.advance(lostAfterMs - 1_000);
      await sweep(startProcess());
      expect(await p.run(held)).toMatchObject({ state: "executing" });
      await t.advance(2_000);
      await sweep(startProcess());
      expect(await p.run(held)).not.toMatchObject({ state: "executing" });
    });

    test("loses nothing while it is heard by processes of the API that do not know of its wish", async () => {
      const p = await place();
      const held = await p.begin("boot_1");
      await p.poll("boot_1", { held: [held], leaseMs });
      await t.advance(2 * lostAfterMs);
      await t.query("update agents set beat_at = app_now() - interval '30 seconds' where id = $1", [p.id]);
      await sweep(startProcess());
      expect(await p.run(held)).toMatchObject({ state: "executing" });
    });

    test("loses nothing, waiting runs too, to a process that could not have heard it for as long", async () => {
      const p = await place();
      const [held, parked] = [await p.begin("boot_1"), await p.begin("boot_1")];
      const wait = { kind: "time" as const, id: newId("waitPoint"), at: "2999-01-01T00:00:00.000Z" };
      await waitRuns(t.db, p.id, [{ ...parked, waits: [wait] }]);
      await p.poll("boot_1", { held: [held, parked], leaseMs });
      await t.advance(3_600_000);
      const upMs = lostAfterMs + 10_000;
      await sweep(startProcess(), () => upMs - 1);
      expect(await p.run(held)).toMatchObject({ state: "executing" });
      expect(await p.run(parked)).toMatchObject({ state: "waiting" });
      await sweep(startProcess(), () => upMs);
      expect(await p.run(held)).not.toMatchObject({ state: "executing" });
      expect(await p.run(parked)).not.toMatchObject({ state: "waiting" });
    });

    test("keeps also what it had not told the start of, until it is heard and still has not begun", async () => {
      const p = await place();
      const held = await p.take("boot_1");
      await p.poll("boot_1", { held: [held], leaseMs });
      await t.advance(120_000);
      await sweep(startProcess());
      expect(await p.run(held)).toMatchObject({ state: "leased" });
      await p.poll("boot_1", { held: [held], leaseMs });
      await sweep(startProcess());
      expect(await p.run(held)).toMatchObject({
        state: "delayed",
        reason: expect.stringContaining("60 seconds"),
      });
    });
  });

  test("a sweep takes nothing from agents that could not be heard because the database was away", async () => {
    const p = await place();
    const held = await p.begin("boot_1");
    const at = { ms: 0, isAway: false };
    const hearing = createHearing({ slowMs: 10_000, restMs: 3_600_000 }, () => at.ms);
    const call: typeof t.db.call = async (text, values) => {
      if (at.isAway) throw Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
      return t.db.call(text, values);
    };
    const deps = depsOf(hearing.watch({ ...t.db, call }));
    const sweepAfter = async (ms: number) => {
      at.ms += ms;
      await t.advance(ms);
      await sweep(deps, hearing.ms).finally(hearing.rested);
    };
    Object.assign(at, { ms: 3_600_000, isAway: true });
    await expect(sweepAfter(15_000)).rejects.toThrow("ECONNREFUSED");
    at.isAway = false;
    await sweepAfter(25_000);
    expect(await p.run(held)).toMatchObject({ state: "executing", attempt: 1 });
    await sweepAfter(20_000);
    expect(await p.run(held)).not.toMatchObject({ state: "executing" });
  });

  test("a sweep takes nothing from silent agents until its process could have heard them", async () => {
    const p = await place();
    const [begun, unstarted] = [await p.begin("boot_1"), await p.take("boot_1")];
    const deps = startProcess();
    const { silentMs, startMs, beatMs } = deps.settings;
    await t.advance(silentMs + startMs);
    await sweep(deps, () => silentMs + beatMs - 1);
    expect(await p.run(begun)).toMatchObject({ state: "executing" });
    expect(await p.run(unstarted)).toMatchObject({ state: "leased" });
    await sweep(deps, () => silentMs + beatMs);
    // Due at once, and the same sweep does what is due.
    expect(await p.run(begun)).not.toMatchObject({ state: "executing" });
    expect(await p.run(unstarted)).toMatchObject({ state: "delayed" });
  });
});
