import { isDeepStrictEqual } from "node:util";
import { createClient } from "@longshore/sdk";
import { bringUpLocal } from "./local/bring-up-local.ts";
import { expectedOutput, firstRun } from "./local/first-run.ts";
import { readFlags } from "./local/options.ts";
import { atEnd } from "./services/at-end.ts";
import { makeTempFolder } from "./services/temp-folder.ts";

// `pnpm demo`: the main job once, in a temporary folder on free ports. The last line is one JSON object.
const say = (line: string) => console.log(line);

const demo = async (): Promise<{ ok: boolean }> => {
  const startedMs = performance.now();
  const flags = readFlags(process.argv.slice(2));
  const log = flags.verbose ? (line: string) => console.error(line) : () => undefined;
  const folder = makeTempFolder("demo");
  const local = await bringUpLocal({ ...flags, port: 0, dataDir: folder.path, say }, log);
  const release = atEnd({ stop: local.close, killNow: () => undefined });
  try {
    const run = await firstRun(local.api, say);
    const client = createClient({ baseURL: local.api.url, accessToken: local.api.apiKey });
    const readBack = await client.runs.retrieve(run.runId);
    const listed = (await client.runs.list({ limit: 10 })).data.some(({ id }) => id === run.runId);
    const ok =
      run.status === "COMPLETED" &&
      readBack.status === "COMPLETED" &&
      isDeepStrictEqual(readBack.output, expectedOutput) &&
      listed;
    if (run.error !== null) say(`Error       ${run.error}`);
    const { runId, output, triggerToStartMs } = run;
    const result = { ok, runtime: local.runtime.kind, runId, output, triggerToStartMs };
    return { ...result, ...{ totalMs: Math.round(performance.now() - startedMs) } };
  } finally {
    release();
    await local.close();
    folder.remove();
  }
};

demo().then(
  (result) => {
    console.log(JSON.stringify(result));
    process.exit(result.ok ? 0 : 1);
  },
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    console.log(JSON.stringify({ ok: false, error: error instanceof Error ? error.message : String(error) }));
    process.exit(1);
  },
);
