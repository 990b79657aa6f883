import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { delimiter } from "node:path";
import { fileURLToPath } from "node:url";
import { nodeProgram } from "@longshore/shared/testing/node-program.fixture";
import { type Child, startChild } from "../../src/services/start-child.ts";

export const root = fileURLToPath(new URL("../../..", import.meta.url));

/** A program of ours as a process of its own; `mark` is in the environment of everything that it starts. */
export type Part = Child & { output(): string; mark: string };

/** Variables of this process that would tell a part more than a test means to. */
const own =
  /^(LONGSHORE_(?!EMBEDDED_TEMPLATE$)|DATABASE_URL|REDIS_URL|PORT$|HOST$|VITEST|NODE_OPTIONS|DOCKER_HOST$)/;

/** Starts a TypeScript or JavaScript file of the house. Shape: `logFile` takes all that it prints. */
export const spawnPart = async (
  file: string,
  args: readonly string[],
  options: { logFile: string; env?: Record<string, string>; cwd?: string },
): Promise<Part> => {
  const inherited = Object.entries(process.env).filter(([name]) => !own.test(name));
  const mark = `/longshore-e2e-${randomUUID()}`;
  const env = { ...Object.fromEntries(inherited), NO_COLOR: "1", ...options.env };
  const child = await startChild({
    command: process.execPath,
    args: [...nodeProgram(root, file), ...args],
    logFile: options.logFile,
    // PATH reaches even what is started with a closed environment: runners, executors, build children.
    env: { ...env, PATH: `${process.env.PATH}${delimiter}${mark}` },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  return { ...child, mark, output: () => readFileSync(options.logFile, "utf8") };
};

/** `longshore …` as a person calls it. */
export const spawnCli = (args: readonly string[], options: Parameters<typeof spawnPart>[2]): Promise<Part> =>
  spawnPart("cli/src/main.ts", args, options);

/** Waits for a part that ends by itself. Shape: its exit code and what it printed. */
export const ended = async (part: Part): Promise<{ code: number | null; output: string }> => {
  const code = await part.untilExit();
  return { code, output: part.output() };
};
