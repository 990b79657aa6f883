import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import Docker from "dockerode";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSocketProxy } from "../../images/socket-proxy/proxy.ts";
import { checkCreate, checkUpdate, judge } from "../../images/socket-proxy/rules.ts";
import { connectDocker } from "../services/connect-docker.ts";
import { needs } from "../testing/need.ts";

const policy = { dataDir: "/var/lib/longshore", networks: ["none", "bridge"] };
const good = {
  Image: "node",
  Labels: { "dev.longshore.agent": "agent_1" },
  HostConfig: {
    Binds: ["/var/lib/longshore/runner/1:/longshore/bin:ro"],
    NetworkMode: "bridge",
    CapDrop: ["ALL"],
    SecurityOpt: ["no-new-privileges"],
    IpcMode: "private",
    Memory: 1,
    LogConfig: { Type: "none", Config: {} },
  },
};
const withHost = (host: object) => ({ ...good, HostConfig: { ...good.HostConfig, ...host } });

describe("rules of the socket proxy", () => {
  test.each([
    "GET /_ping",
    "HEAD /_ping",
    "GET /v1.41/version",
    "GET /info",
    "GET /v1.41/events?filters=x",
    "GET /containers/json?all=1",
    "POST /containers/create?name=x",
    "GET /containers/abc/json",
    "GET /containers/abc/logs?stdout=1",
    "POST /containers/abc/start",
    "POST /containers/longshore-run_1-2/stop?t=1",
    "POST /containers/abc/kill?signal=KILL",
    "POST /containers/abc/pause",
    "POST /containers/abc/unpause",
    "POST /containers/abc/wait",
    "POST /containers/abc/attach?stream=1",
    "POST /containers/abc/update",
    "DELETE /v1.41/containers/abc?force=1",
    "GET /images/registry.example.com:5000/team/image:tag/json",
    "POST /images/create?fromImage=node&tag=22",
  ])("%s is allowed", (line) => {
    const [method = "", target = ""] = line.split(" ");
    expect(judge(method, target).kind).toBe("allow");
  });

  test.each([
    "POST /containers/abc/exec",
    "POST /exec/abc/start",
    "POST /build",
    "POST /v1.41/session",
    "GET /volumes",
    "POST /volumes/create",
    "POST /networks/create",
    "POST /networks/bridge/connect",
    "POST /swarm/init",
    "GET /secrets",
    "POST /plugins/pull",
    "POST /commit?container=abc",
    "POST /containers/prune",
    "GET /containers/abc/archive?path=/",
    "PUT /containers/abc/archive?path=/",
    "GET /containers/abc/export",
    "POST /containers/abc/rename?name=x",
    "POST /auth",
    "POST /images/create?fromSrc=-",
    "POST /images/load",
    "DELETE /images/node",
    "GET /containers/../volumes",
    "GET /containers/%2e%2e/json",
    "GET //containers/json",
    "GET http://engine/info",
    "DELETE /containers/",
    "GET /images/../containers/abc/json",
    "get /info",
  ])("%s is refused", (line) => {
    const [method = "", target = ""] = line.split(" ");
    expect(judge(method, target).kind).toBe("refuse");
  });

  test("a container as the agent makes it is allowed", () => {
    expect(checkCreate(good, policy)).toBeNull();
    expect(
      checkCreate(withHost({ Privileged: false, CapAdd: null, Devices: [], PidMode: "" }), policy),
    ).toBeNull();
  });

  test.each([
    [{ ...good, Labels: {} }, "label"],
    [{ ...good, Labels: { "dev.longshore.agent": "" } }, "label"],
    [withHost({ Privileged: true }), "Privileged"],
    [withHost({ privileged: true }), "privileged"],
    [{ ...good, hostconfig: { Privileged: true } }, "hostconfig"],
    [withHost({ CapAdd: ["SYS_ADMIN"] }), "CapAdd"],
    [withHost({ Devices: [{ PathOnHost: "/dev/sda" }] }), "Devices"],
    [withHost({ DeviceRequests: [{ Count: -1 }] }), "DeviceRequests"],
    [withHost({ DeviceCgroupRules: ["a *:* rwm"] }), "DeviceCgroupRules"],
    [withHost({ PidMode: "host" }), "PidMode"],
    [withHost({ UTSMode: "host" }), "UTSMode"],
    [withHost({ UsernsMode: "host" }), "UsernsMode"],
    [withHost({ CgroupnsMode: "host" }), "CgroupnsMode"],
    [withHost({ CgroupParent: "/" }), "CgroupParent"],
    [withHost({ IpcMode: "host" }), "IPC"],
    [withHost({ IpcMode: "container:abc" }), "IPC"],
    [withHost({ NetworkMode: "host" }), "network"],
    [withHost({ NetworkMode: "container:abc" }), "network"],
    [withHost({ NetworkMode: "longshore_engine" }), "network"],
    [{ ...good, NetworkingConfig: { EndpointsConfig: { engine: {} } } }, "NetworkingConfig"],
    [withHost({ SecurityOpt: ["seccomp=unconfined"] }), "security"],
    [withHost({ Mounts: [{ Type: "bind", Source: "/", Target: "/host" }] }), "Mounts"],
    [withHost({ VolumesFrom: ["abc"] }), "VolumesFrom"],
    [withHost({ Binds: ["/:/host"] }), "mounts /"],
    [withHost({ Binds: ["/var/run/docker.sock:/s"] }), "docker.sock"],
    [withHost({ Binds: ["/var/lib/longshore/../docker:/d"] }), "mounts"],
    [withHost({ Binds: ["/var/lib/longshore-other/x:/d"] }), "mounts"],
    [withHost({ Binds: ["volume:/d"] }), "mounts volume"],
    [withHost({ Binds: ["/var/lib/longshore/a:/d:rw,shared"] }), "mounts"],
    [withHost({ Runtime: "other" }), "Runtime"],
    [withHost({ Sysctls: { "kernel.core_pattern": "|/x" } }), "Sysctls"],
    [{ ...good, Volumes: { "/x": {} } }, "Volumes"],
    [[], "object"],
    [null, "object"],
  ])("%j is refused", (body, why) => {
    expect(checkCreate(body, policy)).toContain(why);
  });

  test("of a container that runs only its limits are changed", () => {
    expect(checkUpdate({ Memory: 1, MemorySwap: 1, NanoCpus: 1 })).toBeNull();
    expect(checkUpdate({ RestartPolicy: { Name: "always" } })).toContain("RestartPolicy");
    expect(checkUpdate({ Devices: [{}] })).toContain("Devices");
  });
});

/** A client of a proxy of its own in front of `engineSocket`. */
const startProxy = async (engineSocket: string) => {
  const log: string[] = [];
  const proxy = createSocketProxy({ engineSocket, policy, log: (line) => log.push(line) });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const { port } = proxy.address() as AddressInfo;
  const docker = new Docker({ protocol: "http", host: "127.0.0.1", port });
  const close = async () => {
    proxy.closeAllConnections();
    await new Promise((resolve) => proxy.close(resolve));
  };
  return { docker, log, close };
};

describe("the socket proxy in front of a fake engine", () => {
  const folder = mkdtempSync(join(tmpdir(), "longshore-fake-engine-"));
  const engineSocket = join(folder, "engine.sock");
  const asked: { line: string; body: string }[] = [];
  let engine: Server;
  let proxy: Awaited<ReturnType<typeof startProxy>>;

  beforeAll(async () => {
    engine = createServer(async (request, response) => {
      asked.push({ line: `${request.method} ${request.url}`, body: await text(request) });
      const name = /^\/containers\/([^/]+)\/json/.exec(request.url ?? "")?.[1];
      const answer = (status: number, body: unknown) =>
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
      if (name === "gone") return answer(404, { message: "No such container: gone" });
      if (name)
        return answer(200, {
          Id: name,
          Config: { Labels: name === "foreign" ? {} : { "dev.longshore.agent": "a" } },
        });
      if (request.url?.includes("/kill")) return response.writeHead(204).end();
      if (request.url?.startsWith("/events")) {
        response.writeHead(200);
        response.write('{"first":1}\n');
        return; // and never ends
      }
      return answer(request.method === "GET" ? 200 : 201, { Id: "made" });
    });
    engine.on("upgrade", (request, socket, head) => {
      asked.push({ line: `UPGRADE ${request.url}`, body: "" });
      socket.write("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
      // Node leaves the request's body in the stream; a real engine has read it by now.
      let unread = Number(request.headers["content-length"] ?? 0) - head.length;
      socket.on("data", (piece: Buffer) => {
        const said = piece.subarray(Math.max(0, unread));
        unread -= piece.length;
        socket.write(said.toString().toUpperCase());
      });
      socket.on("error", () => socket.destroy());
      socket.on("end", () => socket.end());
    });
    await new Promise<void>((resolve) => engine.listen(engineSocket, resolve));
    proxy = await startProxy(engineSocket);
  });
  afterAll(async () => {
    await proxy.close();
    engine.closeAllConnections();
    await new Promise((resolve) => engine.close(resolve));
    rmSync(folder, { recursive: true });
  });
  const linesOf = async (act: () => Promise<unknown>) => {
    asked.length = 0;
    await act();
    return asked.map(({ line }) => line);
  };

  test("what is refused never reaches the engine, and says why", async () => {
    const refusedExec = () => proxy.docker.getContainer("abc").exec({ Cmd: ["sh"] });
    const lines = await linesOf(() =>
      expect(refusedExec()).rejects.toMatchObject({
        statusCode: 403,
        json: { message: "socket-proxy: agents may not do this" },
      }),
    );
    expect(lines).toEqual([]);
    expect(proxy.log.at(-1)).toContain("POST /containers/abc/exec");
  });

  test("a container's description arrives as it was understood: the engine sees no second reading", async () => {
    const raw = `{"HostConfig":{"Privileged":true},"HostConfig":{},"Labels":{"dev.longshore.agent":"a"}}`;
    const { port } = proxy.docker.modem as unknown as { port: number };
    asked.length = 0;
    const answer = await fetch(`http://127.0.0.1:${port}/containers/create`, { method: "POST", body: raw });
    expect(answer.status).toBe(201);
    expect(asked.at(-1)?.body).toBe('{"HostConfig":{},"Labels":{"dev.longshore.agent":"a"}}');
  });

  test("a container without the label is not touched; the engine is asked once for one that has it", async () => {
    const kill = (name: string) => proxy.docker.getContainer(name).kill();
    expect(await linesOf(() => expect(kill("foreign")).rejects.toMatchObject({ statusCode: 403 }))).toEqual([
      "GET /containers/foreign/json",
    ]);
    expect(await linesOf(() => kill("ours"))).toEqual([
      "GET /containers/ours/json",
      "POST /containers/ours/kill",
    ]);
    expect(await linesOf(() => kill("ours"))).toEqual(["POST /containers/ours/kill"]);
    await linesOf(() => kill("gone"));
    expect(asked.at(-1)?.line).toBe("POST /containers/gone/kill");
  });

  test("a stream arrives while it goes on, and ends at the engine when its reader leaves", async () => {
    const stream = (await proxy.docker.getEvents({})) as NodeJS.ReadableStream & { destroy(): void };
    const first = await new Promise<Buffer>((resolve) => stream.once("data", resolve));
    expect(first.toString()).toBe('{"first":1}\n');
    stream.destroy();
  });

  test("attach becomes a raw stream in both directions, and of ours alone", async () => {
    const attach = (name: string) =>
      proxy.docker.getContainer(name).attach({ stream: true, stdin: true, stdout: true, hijack: true });
    const stream = await attach("ours");
    stream.write("hello");
    const answer = await new Promise<Buffer>((resolve) => stream.once("data", resolve));
    expect(answer.toString()).toBe("HELLO");
    stream.end();
    expect(await linesOf(() => expect(attach("foreign")).rejects.toMatchObject({ statusCode: 403 }))).toEqual(
      ["GET /containers/foreign/json"],
    );
  });
});

const host = needs("docker");
const image = needs("runnerImage");

describe.skipIf(!host || !image)("the socket proxy in front of a real engine", () => {
  test("a container of the agent's runs from start to end, and a foreign one is out of reach", {
    timeout: 60_000,
  }, async () => {
    const proxy = await startProxy((host as string).replace("unix://", ""));
    const direct = connectDocker(host);
    const foreign = await direct.createContainer({ Image: image, Cmd: ["node", "-e", "0"] });
    try {
      const through = proxy.docker.getContainer(foreign.id);
      await expect(through.start()).rejects.toMatchObject({ statusCode: 403 });
      await expect(through.remove()).rejects.toMatchObject({ statusCode: 403 });
      const Labels = { "dev.longshore.agent": "test-socket-proxy" };
      const options = { Image: image, Cmd: ["node", "-e", "console.log('out')"], Labels };
      await expect(
        proxy.docker.createContainer({ ...options, HostConfig: { Privileged: true } }),
      ).rejects.toMatchObject({ statusCode: 403 });
      const container = await proxy.docker.createContainer({
        ...options,
        HostConfig: { NetworkMode: "none" },
      });
      try {
        const stream = await container.attach({ stream: true, stdout: true, hijack: true, stdin: false });
        const joined = new PassThrough();
        container.modem.demuxStream(stream, joined, joined);
        stream.once("end", () => joined.end());
        await container.start();
        const [{ StatusCode: code }, output] = await Promise.all([container.wait(), text(joined)]);
        expect({ code, output }).toEqual({ code: 0, output: "out\n" });
      } finally {
        await container.remove({ force: true });
      }
      expect(await proxy.docker.ping()).toBeTruthy();
    } finally {
      await foreign.remove({ force: true });
      await proxy.close();
    }
  });
});
