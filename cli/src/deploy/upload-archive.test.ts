import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createClient } from "@longshore/sdk";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningServer, startServer } from "../adapters/server.ts";
import { archiveFiles } from "../bundle/archive.ts";
import { createProject } from "../testing/project.fixture.ts";
import { deployProject } from "./deploy.ts";
import { refuseTooLarge, uploadArchive } from "./upload-archive.ts";

let server: RunningServer;
let home: string;
let apiKey: string;
beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), "longshore-upload-"));
  server = await startServer({}, { port: 0, dataDir: home, log: () => {} });
  apiKey = server.bootstrap.apiKey ?? "";
});
afterAll(async () => {
  await server.close();
  await rm(home, { recursive: true, force: true });
});

/** A way to the server that is cut for good once so many bytes have gone up. */
const frailWay = async (bytesMax: number) => {
  let sent = 0;
  const sockets: Socket[] = [];
  const way = createServer((socket) => {
    sockets.push(socket);
    const up = connect(Number(new URL(server.url).port), "127.0.0.1");
    for (const [one, other] of [
      [socket, up],
      [up, socket],
    ] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
    up.pipe(socket);
    socket.on("data", (chunk) => {
      sent += chunk.length;
      if (sent > bytesMax) {
        socket.destroy();
        up.destroy();
      } else up.write(chunk);
    });
  });
  await new Promise<void>((resolve) => way.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(way.address() as AddressInfo).port}`,
    sent: () => sent,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => way.close(resolve));
    },
  };
};

test("an upload that was cut goes on with the parts that are missing", async () => {
  const mib = 1024 * 1024;
  const archive = await archiveFiles([{ name: "noise", content: randomBytes(15 * mib) }], 1);
  const retry = { maxAttempts: 1 };
  const cut = await frailWay(10 * mib);
  const clientOver = (baseURL: string) => createClient({ baseURL, accessToken: apiKey, retry });
  await expect(uploadArchive(clientOver(cut.url), archive, () => {})).rejects.toThrow(
    "no answer from the API",
  );
  await cut.close();

  const whole = await frailWay(Number.POSITIVE_INFINITY);
  const said: string[] = [];
  await uploadArchive(clientOver(whole.url), archive, (text) => said.push(text));
  // Two of the four parts were there.
  expect(whole.sent()).toBeLessThan(8 * mib);
  expect(said.at(-1)).toBe(
    `${Math.ceil(archive.bytes.length / 1024)} KiB of ${Math.ceil(archive.bytes.length / 1024)} KiB`,
  );
  const after = whole.sent();
  await uploadArchive(clientOver(whole.url), archive, (text) => said.push(text));
  expect([said.at(-1), whole.sent() - after < 4096]).toEqual(["already there", true]);
  await whole.close();
});

test("an archive over the limit is refused before any of it is sent", () => {
  const bytes = new Uint8Array(100 * 1024 * 1024 + 1);
  expect(() => refuseTooLarge("code", { bytes })).toThrow(
    "the archive of the code has 101 MiB; 100 MiB are the most",
  );
  expect(() => refuseTooLarge("packages", { bytes: bytes.subarray(1) })).not.toThrow();
});

test("a deployment sets its variables before it becomes current, and names those that are missing", async () => {
  const project = await createProject({
    "longshore.config.ts": `import { syncEnvVars } from "longshore/build";
export default { project: "p", build: { extensions: [syncEnvVars(() => ({ FROM_VAULT: "v" }))] } };`,
    "src/trigger/a.ts": `import { task } from "@longshore/sdk";
export const a = task({ id: "a", run: () => [process.env.FROM_VAULT, process.env.NOWHERE, process.env.PLACE ?? "x", process.env["ALSO"]] });`,
  });
  try {
    const deployed = await deployProject({ dir: project.dir, apiUrl: server.url, apiKey });
    expect(deployed.warnings).toEqual([
      "the code reads variables that this environment does not have: ALSO, NOWHERE",
    ]);
    const quiet = await deployProject({
      dir: project.dir,
      apiUrl: server.url,
      apiKey,
      skipSyncEnvVars: true,
      localEnv: () => ({ ALSO: "here" }),
    });
    expect(quiet.warnings).toEqual(["the code reads variables that this environment does not have: NOWHERE"]);
    const client = createClient({ baseURL: server.url, accessToken: apiKey });
    const { data } = await client.deployments.list();
    expect(data).toHaveLength(2);
  } finally {
    await project.remove();
  }
});
