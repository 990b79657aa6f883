import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient } from "@longshore/sdk";
import { type Browser, chromium, type Page } from "playwright-core";
import { bringUpLocal } from "./local/bring-up-local.ts";
import { firstRun } from "./local/first-run.ts";
import type { LocalApi } from "./local/start-api.ts";
import { makeTempFolder } from "./services/temp-folder.ts";

// `pnpm screenshots`: writes docs/screenshots/{runs,run,tasks,agents}-{light,dark}.png of a real server with real runs.
const folder = fileURLToPath(new URL("../../docs/screenshots/", import.meta.url));
const settleMs = 900;
const launchArgs = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Runs in many states: completed, retried, waiting, delayed, canceled, queued behind a limit. */
const makeRuns = async (api: LocalApi): Promise<string> => {
  const client = createClient({ baseURL: api.url, accessToken: api.apiKey });
  const greet = (name: string, tags: string[]) => client.tasks.trigger("hello-world", { name }, { tags });
  for (let i = 1; i <= 8; i++) await greet(`customer ${i}`, [`customer:${i}`]);
  await client.tasks.trigger("flaky", {}, { tags: ["nightly"] });
  await sleep(3_000);
  const doomed = await client.tasks.trigger("parent-and-child", { name: "nobody", pauseSeconds: 600 });
  const { id } = await client.tasks.trigger(
    "parent-and-child",
    { name: "you", pauseSeconds: 600 },
    { tags: ["customer:you"] },
  );
  await client.tasks.trigger("hello-world", { name: "later" }, { delay: "1h", tags: ["scheduled"] });
  await sleep(4_000);
  await client.runs.cancel(doomed.id);
  await greet("one more", ["customer:9"]);
  await sleep(2_000);
  return id;
};

const goTo = async (page: Page, url: string, heading: string): Promise<void> => {
  await page.goto(url);
  await page.getByRole("heading", { level: 1, name: heading }).waitFor();
};

const shoot = async (browser: Browser, signInUrl: string, runId: string): Promise<void> => {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  await page.goto(signInUrl);
  await page.waitForURL(/\/env\/[^/]+\/runs/);
  const environmentUrl = page.url().replace(/\/runs.*$/, "");
  const shots: Record<string, () => Promise<void>> = {
    runs: () => goTo(page, `${environmentUrl}/runs`, "Runs"),
    run: () => goTo(page, `${environmentUrl}/runs/${runId}`, "parent-and-child"),
    tasks: () => goTo(page, `${environmentUrl}/tasks`, "Tasks"),
    agents: () => goTo(page, `${environmentUrl}/agents`, "Agents"),
  };
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const [name, open] of Object.entries(shots)) {
      await open();
      await page.waitForTimeout(settleMs);
      await page.screenshot({ path: join(folder, `${name}-${colorScheme}.png`) });
      console.log(`docs/screenshots/${name}-${colorScheme}.png`);
    }
  }
};

const data = makeTempFolder("screenshots");
const local = await bringUpLocal(
  { dataDir: data.path, port: 0, runtime: "auto", platform: "node", say: (line) => console.log(line) },
  () => undefined,
);
try {
  await firstRun(local.api, () => undefined);
  const runId = await makeRuns(local.api);
  await mkdir(folder, { recursive: true });
  const executablePath = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, args: launchArgs });
  await shoot(browser, await local.api.signInUrl(), runId).finally(() => browser.close());
} finally {
  await local.close();
  data.remove();
}
process.exit(0);
