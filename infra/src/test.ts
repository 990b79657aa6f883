import { fileURLToPath } from "node:url";
import { isEndingNow } from "./services/at-end.ts";
import { isRunning } from "./services/service.ts";
import { bringUp, type Part } from "./testing/bring-up.ts";
import { buildDashboard } from "./testing/build-dashboard.ts";
import { buildPrograms } from "./testing/build-programs.ts";
import { makeTemplate } from "./testing/make-template.ts";
import { variableFor } from "./testing/need.ts";
import { runVitest } from "./testing/run-vitest.ts";
import { summarise } from "./testing/summarise.ts";

// `pnpm test [vitest filters]`: brings up what tests need, runs vitest once, stops everything, and says what was missing.
// On Ctrl-C or SIGTERM at-end.ts ends vitest and then the services.
const root = fileURLToPath(new URL("../..", import.meta.url));
const print = (line: string) => process.stdout.write(`${line}\n`);

function environmentFor(parts: readonly Part[]): NodeJS.ProcessEnv {
  const env = { ...process.env };
  for (const { need, service } of parts) {
    // A variable that names something that does not answer must not reach a test.
    if (isRunning(service)) env[variableFor(need)] = service.url;
    else delete env[variableFor(need)];
  }
  return env;
}

async function stopAll(parts: readonly Part[]): Promise<void> {
  await Promise.all(parts.map(({ service }) => (isRunning(service) ? service.stop() : undefined)));
}

/** After a signal at-end.ts is about to exit with the signal's code; what we would do or say now is moot. */
async function unlessEnding(): Promise<void> {
  if (isEndingNow()) await new Promise(() => undefined);
}

async function main(): Promise<number> {
  const startedAt = performance.now();
  const build = buildDashboard(root, process.env).then(
    () => undefined,
    (error: unknown) => String(error),
  );
  const template = await makeTemplate();
  const programs = await buildPrograms(root);
  const parts = await bringUp(process.env);
  await unlessEnding();
  try {
    const failure = await build;
    if (failure) {
      print(failure);
      print("0 passed, 1 failed, 0 skipped");
      return 1;
    }
    print(`services are ready after ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
    const env = {
      ...environmentFor(parts),
      ...programs.env,
      LONGSHORE_EMBEDDED_TEMPLATE: template.path,
    };
    const run = await runVitest(root, process.argv.slice(2), env);
    await unlessEnding();
    await stopAll(parts);
    const { lines, exitCode } = summarise(parts, run, root, process.env.LONGSHORE_REQUIRE_ALL === "1");
    for (const line of ["", ...lines]) print(line);
    return exitCode;
  } finally {
    await stopAll(parts);
    template.remove();
    programs.remove();
  }
}

process.exitCode = await main();
// Nothing may keep a finished run alive.
process.exit();
