import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLink, type Link } from "./link.ts";

let server: Server;
let link: Link;
let agent: Socket;
let said: (string | [string, number])[];
let at: { wall: number; monotonic: number };
const lease = (leftMs: number) => agent.write(`${JSON.stringify({ t: "lease", leftMs })}\n`);

beforeEach(async () => {
  const address = join(tmpdir(), `longshore-link-${process.pid}.sock`);
  said = [];
  at = { wall: 1_000_000, monotonic: 0 };
  server = createServer();
  await new Promise<void>((resolve) => server.listen(address, resolve));
  const connected = new Promise<Socket>((resolve) => server.once("connection", resolve));
  link = createLink({
    ...{
      address,
      token: "t",
      orphanGraceMs: 60_000,
      fenceMs: 30_000,
      running: () => ({ runId: "run_1", epoch: 1 }),
    },
    ...{ onFrame() {}, onWelcomed() {}, onOrphaned() {}, onDisconnect() {}, onBacklog() {} },
    onFenced: (lateMs) => said.push(["fenced", lateMs]),
    onLeased: () => said.push("leased"),
    clock: { now: () => at.wall, monotonic: () => at.monotonic },
  });
  agent = await connected;
});
afterEach(async () => {
  link.close();
  agent.destroy();
  await new Promise((resolve) => server.close(resolve));
});

test("a run on a host that was suspended freezes by the wall clock, though its agent is gone, and that time counts as none", async () => {
  lease(25_000);
  await expect.poll(() => said).toEqual(["leased"]);
  at.wall += 3_600_000; // the monotonic clock stood still
  link.beat("run_1");
  expect(said).toEqual(["leased", ["fenced", 0]]);
  link.beat("run_1");
  expect(said).toHaveLength(2);
  lease(10_000); // the agent is back, and knows that it may go on
  await expect.poll(() => said).toEqual(["leased", ["fenced", 0], "leased"]);
});

test("a wall clock that is set back lengthens no lease; what a runner stood still beyond it is told", async () => {
  lease(25_000);
  await expect.poll(() => said).toEqual(["leased"]);
  at.wall -= 3_600_000;
  at.monotonic += 24_999;
  link.beat("run_1");
  expect(said).toHaveLength(1);
  at.monotonic += 8;
  link.beat("run_1");
  expect(said).toEqual(["leased", ["fenced", 7]]);
});

test("an agent that refuses each hello is none: the grace runs out", async () => {
  const address = join(tmpdir(), `longshore-link-refusing-${process.pid}.sock`);
  let hellos = 0;
  const refusing = createServer((socket) => {
    socket.on("data", () => {
      hellos++;
      socket.destroy();
    });
  });
  await new Promise<void>((resolve) => refusing.listen(address, resolve));
  let orphaned: Link | undefined;
  await new Promise<void>((onOrphaned) => {
    orphaned = createLink({
      ...{ address, token: "t", orphanGraceMs: 1_000, fenceMs: 30_000, running: () => null },
      ...{ onFrame() {}, onWelcomed() {}, onDisconnect() {}, onBacklog() {}, onFenced() {}, onLeased() {} },
      onOrphaned,
    });
  });
  expect(hellos).toBeGreaterThan(1);
  orphaned?.close();
  await new Promise((resolve) => refusing.close(resolve));
});
