import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { findProcesses } from "./stage/leftovers.ts";
import { spawnPart } from "./stage/spawn-part.ts";
import { until } from "./stage/until.ts";

describe("pnpm start", () => {
  const folder = mkdtempSync(join(tmpdir(), "longshore-e2e-start-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const start = async (name: string) => {
    const started = await spawnPart("infra/src/start.ts", ["--runtime", "process"], {
      logFile: join(folder, `${name}.log`),
      env: { PORT: "0", LONGSHORE_DATA: join(folder, "data") },
    });
    await until("it is up", () => started.output().includes("Ctrl-C ends everything"), {
      withinMs: 60_000,
      saw: started.output,
    });
    const key = /API key\s+(\S+)/.exec(started.output())?.[1] ?? "";
    const url = /API\s+(http:\S+)/.exec(started.output())?.[1] ?? "";
    return { ...started, key, url };
  };
  const runIds = async ({ url, key }: { url: string; key: string }): Promise<string[]> => {
    const answer = await fetch(`${url}/api/v1/runs`, { headers: { authorization: `Bearer ${key}` } });
    return ((await answer.json()) as { data: { id: string }[] }).data.map(({ id }) => id);
  };

  test("shows a first run, ends on Ctrl-C with nothing left, and finds its data again", {
    timeout: 120_000,
  }, async () => {
    const first = await start("first");
    expect(first.output()).toContain('Result      {"message":"Hello, world!"}');
    const before = await runIds(first);
    process.kill(first.pid, "SIGINT");
    await first.untilExit();
    expect(first.output()).toContain("Shutting down");
    expect(first.output()).not.toContain("ended by itself");
    await until("nothing is left", () => findProcesses(first.mark).length === 0);
    expect(existsSync(join(folder, "data", "server"))).toBe(true);

    const second = await start("second");
    expect(second.key).toBe(first.key);
    expect(await runIds(second)).toEqual(expect.arrayContaining(before));
    process.kill(second.pid, "SIGINT");
    await second.untilExit();
    await until("nothing is left", () => findProcesses(second.mark).length === 0);
  });
});
