import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FakeApi, startFakeApi } from "../../edge-api/dashboard/src/testing/fake-api.ts";

// Against the fake by default; LONGSHORE_E2E_SIGN_IN_URL (and LONGSHORE_E2E_URL, its origin) name a real server instead.
// There LONGSHORE_E2E_TASK is a task that completes and logs, LONGSHORE_E2E_LONG_TASK one that runs for a minute.
const executablePath = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
const built = fileURLToPath(new URL("../../edge-api/dashboard/dist/index.html", import.meta.url));
const givenSignInUrl = process.env.LONGSHORE_E2E_SIGN_IN_URL;
const task = process.env.LONGSHORE_E2E_TASK ?? "send-welcome-email";
const longTask = process.env.LONGSHORE_E2E_LONG_TASK ?? "long-report";
const canRun = existsSync(executablePath) && (givenSignInUrl !== undefined || existsSync(built));
const endMs = 20_000;
/** So short that every test lives through renewals. */
const fakeTokenMs = 3_000;
const launchArgs = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Skipped where there is no browser, or nothing built to open. */
const inBrowser = test.skipIf(!canRun);

/** Asks again and again: pages are live, and a shared machine may be slow. */
const eventually = <T>(ask: () => T | Promise<T>) => expect.poll(ask, { timeout: endMs });

let fake: FakeApi | null = null;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let environmentUrl = "";
let usedSignInUrl = "";
const complaints: string[] = [];

/** What a screen reader would call each button and link; one without a name cannot be used. */
const namelessControls = (): Promise<string[]> =>
  page.evaluate(() =>
    [...document.querySelectorAll("button, a[href], [role=button], input, textarea")]
      .filter((element) => {
        const labels =
          element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement
            ? element.labels
            : null;
        const name =
          element.getAttribute("aria-label") ??
          (labels?.length ? labels[0]?.textContent : element.textContent);
        const hidden =
          element.closest("[aria-hidden=true]") !== null || element.getAttribute("tabindex") === "-1";
        return !hidden && (name ?? "").trim() === "";
      })
      .map((element) => element.outerHTML.slice(0, 120)),
  );

const openPage = async (path: string, heading: string): Promise<void> => {
  await page.goto(`${environmentUrl}${path}`);
  await page.getByRole("heading", { level: 1, name: heading }).waitFor();
};

const triggerFromForm = async (taskId: string, payload: string): Promise<string> => {
  await openPage("/tasks", "Tasks");
  await page.getByRole("link", { name: `Test ${taskId}`, exact: true }).click();
  await page.getByLabel("Payload").fill(payload);
  await page.getByRole("button", { name: "Run test" }).click();
  const done = page.getByRole("status").filter({ hasText: "Run triggered" });
  await done.waitFor();
  const runId = /run_[0-9a-z]+/.exec((await done.textContent()) ?? "")?.[0] ?? "";
  await done.getByRole("link").click();
  await page.waitForURL(`**/runs/${runId}`);
  return runId;
};

const untilStatus = (label: string): Promise<void> =>
  page.getByRole("heading", { level: 1 }).getByText(label, { exact: true }).waitFor({ timeout: endMs });

/** The browser itself reports a refused request; where a test is about being signed out, that is no fault. */
const forgive401 = (): void => {
  const others = complaints.filter((text) => !text.includes("status of 401"));
  complaints.splice(0, complaints.length, ...others);
};

beforeAll(async () => {
  if (!canRun) return;
  fake = givenSignInUrl ? null : await startFakeApi({ tokenMs: fakeTokenMs });
  browser = await chromium.launch({ executablePath, args: launchArgs });
  context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  page = await context.newPage();
  page.setDefaultTimeout(10_000);
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
});

afterAll(async () => {
  await browser?.close();
  await fake?.close();
});

inBrowser("without a session every page leads to the sign-in page", async () => {
  const origin = process.env.LONGSHORE_E2E_URL ?? fake?.url ?? new URL(givenSignInUrl ?? "").origin;
  await page.goto(`${origin}/env/env_none/runs`);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  expect(await namelessControls()).toEqual([]);
  forgive401();
});

inBrowser("the sign-in link opens the runs of an environment", async () => {
  usedSignInUrl = givenSignInUrl ?? fake?.signInUrl() ?? "";
  await page.goto(usedSignInUrl);
  await page.waitForURL(/\/env\/[^/]+\/runs/);
  await page.getByRole("heading", { level: 1, name: "Runs" }).waitFor();
  environmentUrl = page.url().replace(/\/runs.*$/, "");
});

inBrowser("a test run is triggered from its task's page and seen to its end", async () => {
  await triggerFromForm(task, '{"userId":"user_1","from":"e2e"}');
  await untilStatus("Completed");
  const output = page
    .getByRole("region")
    .or(page.locator("section"))
    .filter({ hasText: /^Output/ });
  await output.locator("pre").waitFor();
  await page.getByRole("log").getByText(/\w/).first().waitFor();
  await expect
    .poll(() => page.getByRole("list", { name: "Timeline" }).getByRole("listitem").count())
    .toBeGreaterThan(1);
  await page.getByRole("tab", { name: /Events/ }).click();
  await page.getByText("Completed").last().waitFor();
  const cancel = page.getByRole("button", { name: "Cancel run" });
  expect(await cancel.getAttribute("aria-disabled")).toBe("true");
  await cancel.hover();
  await page.getByText("This run is over: it is completed.").waitFor();
  expect(await namelessControls()).toEqual([]);
});

inBrowser("the payload editor refuses what is not JSON", async () => {
  await openPage(`/tasks/${task}`, task);
  await page.getByLabel("Payload").fill('{"a": }');
  await page.getByRole("alert").getByText("This is not JSON").waitFor();
  expect(await page.getByRole("button", { name: "Run test" }).getAttribute("aria-disabled")).toBe("true");
  expect(await namelessControls()).toEqual([]);
});

inBrowser("a filter of the runs is in the URL, and the URL is a filter", async () => {
  await openPage("/runs", "Runs");
  await page.getByRole("button", { name: /^Status/ }).click();
  await page.getByRole("menuitemcheckbox", { name: "Completed" }).click();
  await page.waitForURL(/status=COMPLETED/);
  await page.keyboard.press("Escape");
  await page.reload();
  const rows = page.getByRole("row").filter({ has: page.getByRole("cell") });
  await rows.first().waitFor();
  for (const text of await rows.allTextContents()) expect(text).toContain("Completed");
  expect(await namelessControls()).toEqual([]);
});

/** The end of a growing log stays in sight until the reader scrolls up, and comes back when asked for. */
const logFollowsItsReader = async (): Promise<void> => {
  const log = page.getByRole("log");
  const follow = page.getByRole("button", { name: "Follow" });
  const roomBelow = () =>
    log.evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight);
  const overflows = () => log.evaluate((element) => element.scrollHeight > element.clientHeight + 60);
  await eventually(overflows).toBe(true);
  expect(await follow.getAttribute("aria-pressed")).toBe("true");
  await eventually(roomBelow).toBeLessThan(60);
  await log.evaluate((element) => element.scrollTo({ top: 0 }));
  await eventually(() => follow.getAttribute("aria-pressed")).toBe("false");
  await follow.click();
  await eventually(roomBelow).toBeLessThan(60);
};

const triggerInAnotherTab = async (): Promise<string> => {
  const other = await context.newPage();
  await other.goto(`${environmentUrl}/tasks/${task}`);
  await other.getByRole("button", { name: "Run test" }).click();
  const runId = await other.getByText(/^run_[0-9a-z]{26}$/).textContent();
  await other.close();
  return runId ?? "";
};

inBrowser("new runs do not move the rows that are looked at", async ({ skip }) => {
  await openPage("/runs", "Runs");
  const rows = page.getByRole("row").filter({ has: page.getByRole("cell") });
  await rows.first().waitFor();
  const table = page.getByRole("table");
  const fullPage = 50;
  if (Number(await table.getAttribute("aria-rowcount")) < fullPage) skip("there are too few runs to scroll");
  await table.evaluate((element) => element.parentElement?.scrollTo({ top: 205 }));
  const id =
    /run_[0-9a-z]+/.exec((await rows.nth(12).getByRole("link").first().getAttribute("href")) ?? "")?.[0] ??
    "";
  const row = page.getByRole("row").filter({ has: page.getByRole("link", { name: `Run ${id}` }) });
  const indexBefore = Number(await row.getAttribute("aria-rowindex"));
  const boxBefore = await row.boundingBox();
  const runId = await triggerInAnotherTab();
  // The new run stands above: the row's place in the list is another one, and its place on the screen is not.
  await eventually(async () => Number(await row.getAttribute("aria-rowindex"))).toBe(indexBefore + 1);
  expect((await row.boundingBox())?.y).toBe(boxBefore?.y);
  await table.evaluate((element) => element.parentElement?.scrollTo({ top: 0 }));
  await page.getByRole("link", { name: `Run ${runId}` }).waitFor();
});

inBrowser("a run that runs is cancelled after a question", async () => {
  await triggerFromForm(longTask, process.env.LONGSHORE_E2E_LONG_PAYLOAD ?? "{}");
  await untilStatus(process.env.LONGSHORE_E2E_LONG_STATUS ?? "Executing");
  // Another server's long task may not write enough to scroll.
  if (fake) await logFollowsItsReader();
  await page.getByRole("button", { name: "Cancel run" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel the run" }).click();
  await untilStatus("Canceled");
});

inBrowser("the agents page shows each agent's slots", async () => {
  await openPage("/agents", "Agents");
  const list = page.getByRole("list", { name: "Agents" });
  await list.getByText("Online").first().waitFor();
  expect(await namelessControls()).toEqual([]);
  await list.getByRole("link").first().click();
  await page.getByText("Warm runners").waitFor();
  expect(await namelessControls()).toEqual([]);
  await page.getByRole("button", { name: "Drain", exact: true }).click();
  if (fake) return; // it does not remember
  await page.getByText("It takes no more runs.").waitFor();
  await page.getByRole("button", { name: "Let it take runs again" }).click();
  await page.getByText("Online").waitFor();
});

inBrowser("an address that is nothing says so", async () => {
  await page.goto(`${environmentUrl}/nothing-here`);
  await page.getByRole("heading", { name: "There is nothing at this address" }).waitFor();
});

inBrowser("nothing overflows a narrow screen", async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  for (const [path, heading] of [
    ["/runs", "Runs"],
    ["/tasks", "Tasks"],
    [`/tasks/${task}`, task],
    ["/agents", "Agents"],
  ] as const) {
    await openPage(path, heading);
    const [width, room] = await page.evaluate(() => [
      document.documentElement.scrollWidth,
      window.innerWidth,
    ]);
    expect(width, path).toBeLessThanOrEqual(room ?? 0);
  }
});

inBrowser("signing out ends the session", async () => {
  await page.setViewportSize({ width: 1440, height: 900 });
  await openPage("/runs", "Runs");
  await page.getByRole("button", { name: "Sign out" }).locator("visible=true").click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
});

inBrowser("a sign-in link that was used says so", async () => {
  await page.goto(usedSignInUrl);
  await page.getByRole("alert").getByText("That did not sign you in").waitFor();
  expect(page.url()).not.toContain("token=");
  forgive401();
});

inBrowser("the browser's console stayed quiet", () => {
  expect(complaints).toEqual([]);
});
