import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@longshore/sdk";
import { afterAll } from "vitest";
import { bringUpLocal } from "../src/local/bring-up-local.ts";
import { firstRun } from "../src/local/first-run.ts";

// The same browser tests as dashboard.test.ts, against the real server with an agent that executes for real.
const dataDir = mkdtempSync(join(tmpdir(), "longshore-dashboard-"));
const options = { dataDir, port: 0, runtime: "process", platform: "node", say: () => undefined } as const;
const local = await bringUpLocal(options, () => undefined);
afterAll(async () => {
  await local.close();
  rmSync(dataDir, { recursive: true, force: true });
});
await firstRun(local.api, () => undefined);
// A page full of runs, so that there is something to scroll; none of them is executed.
const client = createClient({ baseURL: local.api.url, accessToken: local.api.apiKey });
await Promise.all(
  Array.from({ length: 60 }, () => client.tasks.trigger("hello-world", { name: "later" }, { delay: "1d" })),
);
process.env.LONGSHORE_E2E_URL = local.api.url;
process.env.LONGSHORE_E2E_SIGN_IN_URL = await local.api.signInUrl();
process.env.LONGSHORE_E2E_TASK = "hello-world";
process.env.LONGSHORE_E2E_LONG_TASK = "parent-and-child";
process.env.LONGSHORE_E2E_LONG_STATUS = "Waiting";
process.env.LONGSHORE_E2E_LONG_PAYLOAD = JSON.stringify({ name: "you", pauseSeconds: 120 });
await import("./dashboard.test.ts");
