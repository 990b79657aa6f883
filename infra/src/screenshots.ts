import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { startFakeApi } from "../../edge-api/dashboard/src/testing/fake-api.ts";

// `pnpm screenshots`: writes docs/screenshots/{runs,run,tasks,agents}-{light,dark}.png of the built dashboard, against
// LONGSHORE_E2E_URL and LONGSHORE_E2E_SIGN_IN_URL, or else against the fake API.
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

type Shot = { name: string; open: (page: Page, environmentUrl: string) => Promise<void> };

const goTo = async (page: Page, url: string, heading: string): Promise<void> => {
  await page.goto(url);
  await page.getByRole("heading", { level: 1, name: heading }).waitFor();
};

/** The run with the most to show; a real server may have none that waits, so then the newest. */
const openRun = async (page: Page, environmentUrl: string): Promise<void> => {
  await goTo(page, `${environmentUrl}/runs?status=WAITING`, "Runs");
  const link = page.getByRole("link", { name: /^Run run_/ }).first();
  await link.waitFor({ timeout: 3_000 }).catch(() => goTo(page, `${environmentUrl}/runs`, "Runs"));
  await link.click();
  await page.getByRole("list", { name: "Timeline" }).waitFor();
};

const shots: readonly Shot[] = [
  { name: "runs", open: (page, url) => goTo(page, `${url}/runs`, "Runs") },
  { name: "run", open: openRun },
  { name: "tasks", open: (page, url) => goTo(page, `${url}/tasks`, "Tasks") },
  { name: "agents", open: (page, url) => goTo(page, `${url}/agents`, "Agents") },
];

const shoot = async (browser: Browser, signInUrl: string): Promise<void> => {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  await page.goto(signInUrl);
  await page.waitForURL(/\/env\/[^/]+\/runs/);
  const environmentUrl = page.url().replace(/\/runs.*$/, "");
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const { name, open } of shots) {
      await open(page, environmentUrl);
      await page.waitForTimeout(settleMs);
      await page.screenshot({ path: join(folder, `${name}-${colorScheme}.png`) });
      process.stdout.write(`docs/screenshots/${name}-${colorScheme}.png\n`);
    }
  }
};

const given = process.env.LONGSHORE_E2E_SIGN_IN_URL;
const fake = given ? null : await startFakeApi();
await mkdir(folder, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH ?? "/usr/bin/chromium",
  args: launchArgs,
});
try {
  await shoot(browser, given ?? fake?.signInUrl() ?? "");
} finally {
  await browser.close();
  await fake?.close();
}
