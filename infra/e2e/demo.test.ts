import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { needs } from "../src/testing/need.ts";
import { findContainersMounting, findProcesses } from "./stage/leftovers.ts";
import { ended, spawnPart } from "./stage/spawn-part.ts";
import { until } from "./stage/until.ts";

const host = needs("docker");
const hasDocker = Boolean(host && needs("runnerImage"));
const hasWorkerd = Boolean(needs("postgres") && needs("redis"));

const cases = [
  { runtime: "process", platform: "node", isHere: true },
  { runtime: "docker", platform: "node", isHere: hasDocker },
  { runtime: "docker", platform: "workerd", isHere: hasDocker && hasWorkerd },
];

/** Temporary folders of demos; another demo on this machine may have some too, for some seconds. */
const listFolders = () => readdirSync("/tmp").filter((name) => name.startsWith("longshore-demo-"));

describe("pnpm demo", () => {
  const logs = mkdtempSync(join(tmpdir(), "longshore-e2e-demo-"));
  afterAll(() => rmSync(logs, { recursive: true }));

  const run = async ({ runtime, platform }: (typeof cases)[number]) => {
    const before = listFolders();
    const demo = await spawnPart("infra/src/demo.ts", ["--runtime", runtime, "--platform", platform], {
      logFile: join(logs, `${runtime}-${platform}.log`),
      // What this shell happens to name must not be opened.
      env: { DATABASE_URL: "postgres://127.0.0.1:9/none", ...(host ? { DOCKER_HOST: host } : {}) },
    });
    const { code, output } = await ended(demo);
    expect(code, output).toBe(0);
    const result = JSON.parse(output.trim().split("\n").at(-1) ?? "") as { runId: string };
    expect(result).toEqual({
      ok: true,
      runtime,
      runId: expect.stringMatching(/^run_/),
      output: { message: "Hello, world!" },
      triggerToStartMs: expect.any(Number),
      totalMs: expect.any(Number),
    });
    // Another demo's own folders and containers may be there all the while.
    const isNew = (line: string) => !before.some((name) => line.includes(name));
    const left = async () => [
      ...findProcesses(demo.mark),
      ...listFolders().filter(isNew),
      ...(host ? (await findContainersMounting(host, "/longshore-demo-")).filter(isNew) : []),
    ];
    await until("nothing is left", async () => (await left()).length === 0, { withinMs: 20_000, saw: left });
  };

  for (const each of cases) {
    const name = `runs hello-world once: ${each.runtime}, ${each.platform}`;
    test.skipIf(!each.isHere)(name, { timeout: 90_000 }, () => run(each));
  }
});
