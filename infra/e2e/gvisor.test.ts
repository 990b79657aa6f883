import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildRunnerBase } from "../src/images/build-runner-base.ts";
import { connectDocker } from "../src/services/connect-docker.ts";
import { findBinary } from "../src/services/find-binary.ts";
import { isRunning, type Service } from "../src/services/service.ts";
import { startDocker } from "../src/services/start-docker.ts";
import { makeTempFolder } from "../src/services/temp-folder.ts";
import { needs } from "../src/testing/need.ts";
import { type Stage, startStage } from "./stage/start-stage.ts";

const runsc = findBinary(["runsc"]);
const runnable = needs("docker") && runsc && process.getuid?.() === 0;
const look = `
import { readFileSync } from "node:fs";
import { task } from "@longshore/sdk";
export const look = task({ id: "look", run: async () => readFileSync("/proc/version", "utf8") });
`;

describe.skipIf(!runnable)("a run on gVisor", () => {
  const folder = makeTempFolder("gvisor");
  let engine: Service;
  let stage: Stage;

  beforeAll(async () => {
    // The runner speaks to its agent through a socket of the host's, which gVisor opens only when it is told to.
    const wrapper = join(folder.path, "runsc");
    writeFileSync(wrapper, `#!/bin/sh\nexec ${runsc} --network=none --fsgofer-host-uds "$@"\n`, {
      mode: 0o755,
    });
    engine = await startDocker(["--add-runtime", `runsc=${wrapper}`]);
    if (!isRunning(engine)) throw new Error(engine.missing);
    const { image } = await buildRunnerBase(connectDocker(engine.url));
    stage = await startStage("gvisor");
    await stage.agent({
      runtime: "docker",
      dockerHost: engine.url,
      runnerImage: image,
      network: "none",
      containerRuntime: "runsc",
    });
  }, 90_000);
  afterAll(async () => {
    await stage?.close();
    if (engine && isRunning(engine)) await engine.stop();
    folder.remove();
  }, 60_000);

  test("completes, and never sees the host's kernel", { timeout: 60_000 }, async () => {
    await stage.deploy(stage.project({ "trigger/look.ts": look }));
    const { id } = await stage.client.tasks.trigger("look", {});
    const run = await stage.client.runs.poll(id, { pollIntervalMs: 100 });
    // The version that gVisor says it is, on whatever it runs.
    expect(run).toMatchObject({
      status: "COMPLETED",
      output: expect.stringContaining("Linux version 4.4.0"),
    });
  });
});
