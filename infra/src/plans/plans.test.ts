import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Stage } from "../bench/stage.ts";
import { openSeededStage } from "./open-seeded-stage.ts";
import { findFaults } from "./read-plan.ts";
import { type RecordedPlan, recordPlans } from "./record-plans.ts";

const url = process.env.LONGSHORE_TEST_DATABASE_URL;

describe.skipIf(url === undefined)("plans of the hot statements", () => {
  let stage: Stage;
  let plans: RecordedPlan[];
  beforeAll(async () => {
    stage = await openSeededStage(url ?? "");
    plans = await recordPlans(stage);
  }, 120_000);
  afterAll(() => stage?.close());

  it("no plan reads a table whole, or more rows the longer the queue is", () => {
    expect(plans.length).toBeGreaterThan(25);
    expect(plans.flatMap(({ name, plan }) => findFaults(plan).map((fault) => `${name}: ${fault}`))).toEqual(
      [],
    );
  });
});
