import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { freePort } from "../src/services/free-port.ts";
import { findProcesses } from "./stage/leftovers.ts";
import { ended, type Part, root, spawnCli } from "./stage/spawn-part.ts";
import { until } from "./stage/until.ts";

describe("longshore dev", () => {
  const temp = mkdtempSync(join(tmpdir(), "longshore-e2e-dev-"));
  const dir = join(temp, "hello");
  const helloFile = join(dir, "src/trigger/hello.ts");
  let dev: Part | undefined;
  afterAll(async () => {
    await dev?.stop();
    rmSync(temp, { recursive: true, force: true });
  });

  let triggers = 0;
  const trigger = async (name: string): Promise<unknown> => {
    const args = ["trigger", "hello-world", "--payload", JSON.stringify({ name }), "--wait", "--json"];
    const part = await spawnCli(args, { cwd: dir, logFile: join(temp, `trigger-${++triggers}.log`) });
    const { code, output } = await ended(part);
    expect(code, output).toBe(0);
    return JSON.parse(output);
  };
  const printed = (text: string | RegExp, from = 0) =>
    until(
      String(text),
      () => {
        const since = dev?.output().slice(from) ?? "";
        return typeof text === "string" ? since.includes(text) : text.test(since);
      },
      { saw: () => dev?.output() },
    );

  test("builds, runs, rebuilds, keeps the last good version and ends all it started", {
    timeout: 120_000,
  }, async () => {
    cpSync(join(root, "examples/hello-world"), dir, {
      recursive: true,
      filter: (path) => !/node_modules|\.longshore/.test(path),
    });
    const hello = readFileSync(helloFile, "utf8");
    const port = String(await freePort());
    dev = await spawnCli(["dev", "--port", port], { cwd: dir, logFile: join(temp, "dev.log") });
    await printed(/✓.* Version \S+\.1 in .*hello-world/);
    expect(await trigger("Ada")).toMatchObject({ status: "COMPLETED", output: { message: "Hello, Ada!" } });
    await printed("Greeting");
    await printed(/hello-world COMPLETED/);

    writeFileSync(helloFile, hello.replace("Hello, ", "Good day, "));
    await printed(/✓.* Version \S+\.2 in/);
    expect(await trigger("Ada")).toMatchObject({ output: { message: "Good day, Ada!" } });

    const from = dev.output().length;
    writeFileSync(helloFile, hello.replace("return {", "return }{"));
    await printed("src/trigger/hello.ts:", from);
    await printed("The last good version keeps running.", from);
    expect(await trigger("Ada")).toMatchObject({ output: { message: "Good day, Ada!" } });

    writeFileSync(helloFile, hello);
    await printed(/✓.* Version \S+ in/, from);
    expect(await trigger("Ada")).toMatchObject({ output: { message: "Hello, Ada!" } });

    const { mark } = dev;
    dev.kill("SIGINT");
    expect(await dev.untilExit()).toBe(0);
    expect(existsSync(join(dir, ".longshore/dev.json"))).toBe(false);
    await until("nothing runs", () => findProcesses(mark).length === 0, { saw: () => findProcesses(mark) });
  });
});
