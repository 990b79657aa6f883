import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AgentFrame, runnerProtocolVersion } from "@longshore/shared/contract/runner-protocol";
import { encodeLine, lineSplitter } from "@longshore/shared/core/json-lines";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { RunnerSocket } from "../ports/runner-socket.ts";
import { createOpenRunnerSocket } from "./runner-socket.ts";

const quiet = { info: () => {}, warn: () => {}, error: () => {} };
let dir: string;
let port: RunnerSocket;
let runners: Socket[];

/** A runner that says hello. Shape: what it hears from then on, its welcome first. */
const joinIn = async (): Promise<AgentFrame[]> => {
  const heard: AgentFrame[] = [];
  const splitter = lineSplitter(1_000_000);
  const socket = connect(join(dir, "agent.sock"));
  runners.push(socket);
  socket.setEncoding("utf8").on("data", (piece: string) => {
    for (const line of splitter.push(piece)) heard.push(JSON.parse(line) as AgentFrame);
  });
  socket.write(encodeLine({ t: "hello", protocol: runnerProtocolVersion, token: "t", running: null }));
  await expect.poll(() => heard.map(({ t }) => t)).toEqual(["welcome"]);
  return heard;
};

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "longshore-runner-socket-"));
  runners = [];
  port = await createOpenRunnerSocket(quiet)(dir, "t", {
    onHello: () => ({ ack: 7 }),
    onFrame() {},
    onUnreadable() {},
    onClosed() {},
  });
});
afterEach(async () => {
  for (const socket of runners) socket.destroy();
  await port.close();
  rmSync(dir, { recursive: true, force: true });
});

test("acknowledgements go with the next frame, before it and as one, or by themselves", async () => {
  const heard = await joinIn();
  for (const seq of [8, 9]) port.send({ t: "ack", seq });
  port.send({ t: "lease", leftMs: 1_000 });
  await expect
    .poll(() => heard.slice(1))
    .toEqual([
      { t: "ack", seq: 9 },
      { t: "lease", leftMs: 1_000 },
    ]);
  port.send({ t: "ack", seq: 10 });
  await expect.poll(() => heard.slice(3)).toEqual([{ t: "ack", seq: 10 }]);
});

test("an acknowledgement that waits for company does not reach the next connection, whose welcome says it", async () => {
  await joinIn();
  port.send({ t: "ack", seq: 8 });
  const heard = await joinIn();
  port.send({ t: "lease", leftMs: 1_000 });
  await expect.poll(() => heard.slice(1)).toEqual([{ t: "lease", leftMs: 1_000 }]);
});
