import { createServer } from "node:net";
import Docker from "dockerode";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasDocker, testRunnerImage } from "../testing/docker-image.ts";
import { type Harness, makeHarness } from "../testing/harness.ts";
import { makeLease } from "../testing/make-lease.ts";

const available = await hasDocker();

const tasks = {
  look: `run: async () => {
    const fs = await import("node:fs");
    const net = await import("node:net");
    const host = process.env.GATEWAY, port = Number(process.env.PORT);
    const answer = (hello) => new Promise((resolve) => {
      const socket = net.connect({ host, port });
      socket.on("connect", () => socket.write(JSON.stringify(hello) + "\\n"));
      socket.on("data", () => resolve("welcome"));
      socket.on("close", () => resolve("closed"));
      socket.on("error", () => {});
    });
    return {
      sockets: fs.readdirSync("/longshore/agent"),
      guessed: await answer({ t: "hello", protocol: 1, token: "guess", running: null }),
    };
  }`,
};

const freePort = (host: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, host, () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

describe.skipIf(!available)("runners that connect by TCP", () => {
  const docker = new Docker();
  const name = `longshore-tcp-${process.pid}`;
  let harness: Harness;
  let gateway: string;
  let port: number;

  beforeAll(async () => {
    const runnerImage = await testRunnerImage();
    const network = await docker.createNetwork({ Name: name });
    gateway = (await network.inspect()).IPAM?.Config?.[0]?.Gateway as string;
    port = await freePort(gateway);
    const runnerTcp = { host: gateway, port, name: gateway };
    harness = await makeHarness({ runtime: "docker", runnerImage, network: name, runnerTcp });
    await harness.start();
  }, 120_000);
  afterAll(async () => {
    await harness?.close();
    await docker.getNetwork(name).remove();
  }, 60_000);

  test("a run completes, without a socket in its folder, and a guessed token is turned away", {
    timeout: 90_000,
  }, async () => {
    const env = { GATEWAY: gateway, PORT: String(port) };
    const lease = makeLease(await harness.bundle(tasks), "look", { env });
    harness.api.lease(lease);
    const final = await harness.final(lease.runId, 60_000);
    expect(final).toMatchObject({ kind: "completed" });
    expect(JSON.parse((final as { output: string }).output).json).toEqual({ sockets: [], guessed: "closed" });
  });
});
