import { afterEach, describe, expect, test } from "vitest";
import { dockerNetworkOf } from "./core/egress.ts";
import { examine } from "./doctor.ts";
import { hasDocker, testRunnerImage } from "./testing/docker-image.ts";
import { type Harness, makeHarness } from "./testing/harness.ts";

const available = await hasDocker();

describe.skipIf(!available)("doctor beside a Docker engine", () => {
  let harness: Harness;
  afterEach(() => harness.close());
  const networkOf = async (over: Partial<Harness["config"]> = {}) =>
    (await examine({ ...harness.config, ...over })).find(({ name }) => name === "container network");

  test("finds nothing that fails with default settings, before the agent starts and while it runs", {
    timeout: 90_000,
  }, async () => {
    harness = await makeHarness({ runtime: "docker", runnerImage: await testRunnerImage() });
    expect(harness.config).toMatchObject({ network: "filtered", egressAllow: [] });
    expect(await networkOf()).toMatchObject({ state: "ok" });
    await harness.start();
    const checks = await examine(harness.config);
    // The command exits 1 for each of these.
    expect(checks.filter(({ state }) => state === "fail")).toEqual([]);
    expect(checks).toContainEqual({
      name: "container network",
      state: "ok",
      says: "filtered (longshore-egress)",
    });
  });

  test("names a network that is not there, and what makes it", { timeout: 90_000 }, async () => {
    harness = await makeHarness({ runtime: "docker", runnerImage: await testRunnerImage() });
    expect(await networkOf({ network: "nobody-made-this" })).toEqual({
      name: "container network",
      state: "fail",
      says: "there is no Docker network nobody-made-this",
      next: "docker network create nobody-made-this",
    });
    // Nobody uses this list: its network is not there, and an agent would make it.
    const unused = { egressAllow: ["203.0.113.77/32"] };
    expect(await networkOf(unused)).toMatchObject({
      state: "ok",
      says: `filtered (${dockerNetworkOf({ ...harness.config, ...unused })}): made when the agent starts`,
    });
    await harness.start({ network: "none" });
    expect(await networkOf(unused)).toMatchObject({ state: "warn" });
  });
});
