import { createClient } from "@longshore/sdk";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type FakeApi, type FakeRun, startFakeApi } from "../testing/fake-api.fixture.ts";
import { followRuns, type RunNews } from "./follow-runs.ts";

let api: FakeApi;
beforeEach(async () => {
  api = await startFakeApi();
});
afterEach(() => api.close());

const textOf = (news: RunNews): string => {
  if (news.kind === "unreachable") return "unreachable";
  if (news.kind === "failure") return `${news.attempt}: ${news.error.message}`;
  return news.kind === "status" ? news.run.status : `| ${news.line.message}`;
};

test("every status and every line is told once, and late lines too", async () => {
  const run = { id: "run_1", status: "QUEUED", lines: [] as string[] };
  api.runs = [run];
  const steps = [
    () => {
      run.status = "EXECUTING";
      run.lines.push("one");
    },
    () => run.lines.push("two"),
    () => {
      run.status = "COMPLETED";
      run.lines.push("three");
    },
    () => run.lines.push("late"),
    () => abort.abort(),
  ];
  const abort = new AbortController();
  const clock = { now: () => 0, monotonic: () => 0, sleep: async () => void steps.shift()?.() };
  const seen: string[] = [];
  const client = createClient({ baseURL: api.url, accessToken: api.key });
  await followRuns(client, { from: new Date(0), signal: abort.signal, clock }, (news) =>
    seen.push(textOf(news)),
  );
  expect(seen).toEqual(["QUEUED", "EXECUTING", "| one", "| two", "| three", "COMPLETED", "| late"]);
});

test("why an attempt failed is told before what follows it, and once", async () => {
  const run: FakeRun = { id: "run_1", status: "EXECUTING", lines: [], failures: [] };
  api.runs = [run];
  const abort = new AbortController();
  const steps = [
    () => {
      run.status = "QUEUED";
      run.failures?.push("first");
    },
    () => {
      run.status = "FAILED";
      run.failures?.push("second");
    },
    () => {},
    () => abort.abort(),
  ];
  const clock = { now: () => 0, monotonic: () => 0, sleep: async () => void steps.shift()?.() };
  const seen: string[] = [];
  const client = createClient({ baseURL: api.url, accessToken: api.key });
  await followRuns(client, { from: new Date(0), signal: abort.signal, clock }, (news) =>
    seen.push(textOf(news)),
  );
  expect(seen).toEqual(["EXECUTING", "1: first", "QUEUED", "2: second", "FAILED"]);
});

test("an API that cannot be reached is told, and asked again", async () => {
  api.failWhere("/api/v1/runs", { status: 401, body: { error: "gone" } });
  const abort = new AbortController();
  const clock = { now: () => 0, monotonic: () => 0, sleep: async () => abort.abort() };
  const seen: string[] = [];
  const client = createClient({ baseURL: api.url, accessToken: api.key });
  await followRuns(client, { from: new Date(0), signal: abort.signal, clock }, (news) =>
    seen.push(textOf(news)),
  );
  expect(seen).toEqual(["unreachable"]);
});
