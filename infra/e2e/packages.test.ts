import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { installPackages } from "../src/packages/install-packages.ts";
import { type MadePackage, makePackages } from "../src/packages/make-packages.ts";
import { freePort } from "../src/services/free-port.ts";
import { runCommand } from "../src/services/run-command.ts";
import { type Child, startChild } from "../src/services/start-child.ts";
import { makeTempFolder } from "../src/services/temp-folder.ts";
import { root } from "./stage/spawn-part.ts";
import { until } from "./stage/until.ts";

const minute = 60_000;

const configText = `import { additionalFiles } from "longshore/build";
import { defineConfig } from "@longshore/sdk";

export default defineConfig({
  project: "installed",
  dirs: ["./trigger"],
  build: { extensions: [additionalFiles({ files: ["words/*.txt"] })] },
});
`;
const taskText = `import { readFile } from "node:fs/promises";
import { task } from "@trigger.dev/sdk";

export const greet = task({
  id: "greet",
  run: async (payload: { name: string }) => {
    const word = await readFile("words/hello.txt", "utf8");
    return { text: \`\${word.trim()}, \${payload.name}\` };
  },
});
`;
/** Compiles only when the declarations are whole: types flow from \`typeof greet\`, and nothing is \`any\`. */
const callerText = `import { type Batch, type Run, runs, tasks } from "@longshore/sdk";
import { python } from "@longshore/sdk/python";
import { tasks as sameTasks } from "@longshore/sdk/v3";
import type { greet } from "./trigger/greet.js";

type IsAny<T> = 0 extends 1 & T ? true : false;
const isTyped: [IsAny<Batch>, IsAny<Run>, IsAny<typeof python>] = [false, false, false];
export const call = async (): Promise<string | undefined> => {
  const handle = await tasks.trigger<typeof greet>("greet", { name: "Ada" });
  // @ts-expect-error -- the payload has a name
  await sameTasks.trigger<typeof greet>("greet", { nam: "Ada" });
  const run = await runs.retrieve<typeof greet>(handle.id);
  const text: string | undefined = run.output?.text;
  return isTyped.includes(true as false) ? undefined : text;
};
`;
const compilerOptions = {
  strict: true,
  noEmit: true,
  target: "ES2022",
  // No library is skipped: the packages' own declarations are checked.
  skipLibCheck: false,
  types: ["node"],
};

describe("the packages, installed", () => {
  const temp = makeTempFolder("e2e-packages");
  const dir = join(temp.path, "project");
  let cli: string;
  let made: MadePackage[];
  let dev: Child | undefined;

  const write = (file: string, text: string): void => {
    mkdirSync(dirname(join(dir, file)), { recursive: true });
    writeFileSync(join(dir, file), text);
  };
  const env = {
    PATH: process.env.PATH,
    HOME: temp.path,
    NO_COLOR: "1",
    LONGSHORE_EMBEDDED_TEMPLATE: process.env.LONGSHORE_EMBEDDED_TEMPLATE,
  };
  const longshore = (args: string[]) =>
    runCommand(process.execPath, [cli, ...args], {
      cwd: dir,
      env,
      timeoutMs: minute,
    });

  beforeAll(async () => {
    made = await makePackages(root, join(temp.path, "packages"));
    cli = await installPackages(root, made, dir);
    write("tsconfig.json", "{}");
  }, 5 * minute);
  afterAll(async () => {
    await dev?.stop();
    temp.remove();
  });

  test("are small, say what they need, and bring no path of the machine that made them", async () => {
    const [sdk, whole] = made;
    expect(sdk).toMatchObject({ name: "@longshore/sdk" });
    expect(whole).toMatchObject({ name: "longshore", version: sdk?.version });
    expect(sdk?.packed).toBeLessThan(100_000);
    for (const name of ["@longshore/sdk", "longshore"]) {
      const found = await runCommand("grep", ["-rlF", root, join(dir, "node_modules", name, "/")]);
      expect(found.output).toBe("");
    }
  });

  test("a project of init type-checks, as Node resolves modules and as bundlers do", async () => {
    const init = await longshore(["init", "--yes", "--json"]);
    expect(init.code, init.output).toBe(0);
    write("longshore.config.ts", configText);
    write("trigger/greet.ts", taskText.replaceAll("@trigger.dev/sdk", "@longshore/sdk"));
    write("caller.ts", callerText);
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    for (const [module, moduleResolution] of [
      ["NodeNext", "NodeNext"],
      ["ESNext", "Bundler"],
    ]) {
      write(
        "tsconfig.json",
        JSON.stringify({ compilerOptions: { ...compilerOptions, module, moduleResolution } }),
      );
      const { code, output } = await runCommand(process.execPath, [tsc, "-p", dir], { cwd: dir });
      expect(code, `${moduleResolution}: ${output}`).toBe(0);
    }
  });

  test("dev serves the dashboard, and builds and runs tasks", { timeout: 2 * minute }, async () => {
    write("trigger/greet.ts", taskText);
    write("words/hello.txt", "Good day\n");
    const port = await freePort();
    const log = join(temp.path, "dev.log");
    dev = await startChild({
      command: process.execPath,
      args: [cli, "dev", "--port", String(port), "--json"],
      cwd: dir,
      env,
      logFile: log,
    });
    const output = () => readFileSync(log, "utf8");
    await until("the first version", () => output().includes('"event":"version"'), { saw: output });
    const run = await longshore(["trigger", "greet", '{"name":"Ada"}', "--wait", "--json"]);
    expect(run.code, run.output).toBe(0);
    expect(JSON.parse(run.output)).toMatchObject({ status: "COMPLETED", output: { text: "Good day, Ada" } });
    const page = await fetch(`http://127.0.0.1:${port}/`);
    expect(await page.text()).toMatch(/<script[^>]*src="\/assets\//);
  });
});
