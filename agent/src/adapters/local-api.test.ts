import { mkdtemp, rm, stat } from "node:fs/promises";
import { request } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { AgentStatus } from "../core/agent-status.ts";
import { createMeter } from "../core/meter.ts";
import { type Harness, makeHarness } from "../testing/harness.ts";
import { makeLease } from "../testing/make-lease.ts";
import { serveLocalApi } from "./local-api.ts";
import { shortSocketPath } from "./socket-path.ts";

type Answer = { status: number; type: string; body: string };

const ask = (at: { socketPath: string } | { port: number }, path: string, method = "GET"): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const sent = request({ ...at, path, method }, (answer) => {
      let body = "";
      answer.setEncoding("utf8").on("data", (piece) => {
        body += piece;
      });
      answer.on("end", () =>
        resolve({ status: answer.statusCode ?? 0, type: String(answer.headers["content-type"]), body }),
      );
    });
    sent.once("error", reject).end();
  });

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });

const status: AgentStatus = {
  agentId: "agent_1",
  name: 'o"ne <b>',
  version: "1",
  runtime: "docker",
  upMs: 1_500,
  slots: 8,
  free: 3,
  capacity: { cpu: 4, memoryMb: 8_192 },
  room: { cpu: 2.5, memoryMb: 6_144 },
  running: 2,
  waiting: 1,
  pool: { generic: 0, forked: 0, warm: 4, prepared: 0 },
  held: [{ runId: "run_<1>", epoch: 2 }],
  outbox: { facts: 5, bytes: 600 },
  silentMs: 250,
  runsForMs: 25_000,
  asksMs: null,
  paused: false,
  draining: false,
  drainingHere: false,
  healthy: true,
  problems: ["1 MiB are free"],
  lastError: { at: "2026-11-01T00:00:00.000Z", message: "the poll failed" },
  loops: { poll: "polling", report: 'said "x"\n' },
  measured: createMeter({ now: () => 0, monotonic: () => 0, sleep: async () => {} }).measured(),
};

describe("what an agent says on its host", () => {
  let port: number;
  let folder: string;
  let now: AgentStatus;
  let drained: boolean[];
  let close: () => Promise<void>;
  const socket = () => ({ socketPath: shortSocketPath(join(folder, "status.sock")) });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "longshore-local-"));
    now = status;
    drained = [];
    port = await freePort();
    const address = { host: "127.0.0.1", port };
    close = await serveLocalApi(folder, address, { status: () => now, drain: (is) => drained.push(is) });
  });
  afterEach(async () => {
    await close();
    await rm(folder, { recursive: true, force: true });
  });

  test("health follows the contact with the API, on both listeners", async () => {
    expect(await ask({ port }, "/healthz")).toMatchObject({ status: 200, body: "ok\n" });
    now = { ...status, healthy: false };
    expect(await ask({ port }, "/healthz")).toMatchObject({ status: 503 });
    const said = await ask(socket(), "/");
    expect([said.status, JSON.parse(said.body)]).toEqual([503, now]);
  });

  test("the page says what each loop does, and text of others is only text", async () => {
    const { body, type } = await ask({ port }, "/");
    expect(type).toContain("text/html");
    expect(body).toContain("polling");
    expect(body).toContain("2 running, 1 waiting, 3 of 8 slots free");
    expect(body).toContain("run_&#60;1&#62;");
    expect(body).not.toContain("<b>");
    expect(body).not.toContain("<script");
  });

  test("metrics are what Prometheus reads", async () => {
    const { body } = await ask({ port }, "/metrics");
    const lines = body.trimEnd().split("\n");
    const sample = /^longshore_agent_\w+(\{(\w+="(\\.|[^"\\])*",?)*\})? -?[\d.e+]+$/;
    expect(lines.filter((line) => !line.startsWith("#") && !sample.test(line))).toEqual([]);
    const names = lines.filter((line) => line.startsWith("# TYPE")).map((line) => line.split(" ")[2]);
    expect(new Set(names).size).toBe(names.length);
    for (const said of ["running 2", "warm 4", "free 3", "outbox_facts 5", "problems 1"])
      expect(lines).toContain(`longshore_agent_${said}`);
    expect(lines).toContain('longshore_agent_cpus{state="free"} 2.5');
    expect(lines).toContain(`longshore_agent_memory_bytes{state="all"} ${8_192 * 1024 * 1024}`);
    expect(lines).toContain('longshore_agent_loop_info{loop="report",doing="said \\"x\\"\\n"} 1');
    expect(lines).toContain('longshore_agent_start_seconds_bucket{le="+Inf"} 0');
  });

  test("only who may open the data folder can make it drain", async () => {
    expect((await ask({ port }, "/drain", "POST")).status).toBe(405);
    expect(drained).toEqual([]);
    expect((await ask(socket(), "/drain", "POST")).status).toBe(200);
    expect((await ask(socket(), "/undrain", "POST")).status).toBe(200);
    expect(drained).toEqual([true, false]);
    expect((await stat(join(folder, "status.sock"))).mode & 0o777).toBe(0o600);
  });

  test("a taken address is an error that leaves nothing open", async () => {
    const other = await mkdtemp(join(tmpdir(), "longshore-local-"));
    const address = { host: "127.0.0.1", port };
    await expect(serveLocalApi(other, address, { status: () => now, drain: () => {} })).rejects.toThrow(
      "EADDRINUSE",
    );
    await expect(ask({ socketPath: join(other, "status.sock") }, "/")).rejects.toThrow();
    await rm(other, { recursive: true });
  });
});

describe("an agent at work", () => {
  let harness: Harness;
  afterEach(() => harness.close());

  test("a drain on its host outlives what the API says, and ends where it was asked for", async () => {
    harness = await makeHarness();
    const agent = await harness.start();
    await harness.api.until("its poll", () => harness.api.polls.some(({ free }) => free > 0));
    agent.drain(true);
    await harness.api.until("it says so", () => harness.api.polls.at(-1)?.drainsItself);
    expect(harness.api.polls.at(-1)).toMatchObject({ free: 0, draining: true });
    const hash = await harness.bundle({ quick: `run: () => 1` });
    const lease = makeLease(hash, "quick");
    harness.api.lease(lease);
    // Two more answers of an API that wants no drain.
    const polls = harness.api.polls.length;
    await harness.api.until("more polls", () => harness.api.polls.length >= polls + 2);
    expect([agent.status().draining, harness.factsOf(lease.runId)]).toEqual([true, []]);
    agent.drain(false);
    expect(await harness.final(lease.runId)).toMatchObject({ kind: "completed" });
    const { measured } = agent.status();
    expect([measured.leases, measured.starts.count, measured.startErrors]).toEqual([1, 1, 0]);
    expect(measured.starts.sum).toBeGreaterThan(0);
    expect(measured.polls.ok).toBeGreaterThan(1);
  });
});
