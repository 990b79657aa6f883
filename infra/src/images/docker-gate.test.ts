import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { networkOptions } from "@longshore/agent/core/egress";
import Docker from "dockerode";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkCreate, checkNetwork, checkUpdate } from "../../images/docker-gate/check-body.ts";
import { whyNotMounted } from "../../images/docker-gate/check-folders.ts";
import { createGate } from "../../images/docker-gate/gate.ts";
import { isAllowedImage, PolicyError, readPolicy } from "../../images/docker-gate/policy.ts";
import { judge } from "../../images/docker-gate/routes.ts";
import { connectDocker } from "../services/connect-docker.ts";
import { needs } from "../testing/need.ts";

const dataDir = "/var/lib/longshore";
const policy = readPolicy({ LONGSHORE_AGENT_DATA: dataDir, LONGSHORE_RUNNER_IMAGE: "node:22" });
const mib = 1024 * 1024;
const good = {
  Image: "node:22",
  User: "1000:1000",
  Labels: { "dev.longshore.agent": "agent_1" },
  HostConfig: {
    Binds: [`${dataDir}/runner/1:/longshore/bin:ro`],
    NetworkMode: "none",
    CapDrop: ["ALL"],
    SecurityOpt: ["no-new-privileges"],
    ReadonlyRootfs: true,
    IpcMode: "private",
    Memory: 64 * mib,
    MemorySwap: 64 * mib,
    NanoCpus: 5e8,
    PidsLimit: 100,
    Ulimits: [{ Name: "core", Soft: 0, Hard: 0 }],
    LogConfig: { Type: "none", Config: {} },
  },
};
const withHost = (host: object) => ({ ...good, HostConfig: { ...good.HostConfig, ...host } });

describe("what may be asked", () => {
  test.each([
    "GET /_ping",
    "HEAD /_ping",
    "GET /v1.41/version",
    "GET /info",
    "GET /v1.41/events?filters=x",
    "GET /containers/json?all=1",
    "POST /containers/create?name=longshore-x",
    "GET /containers/abc/json",
    "POST /containers/abc/start",
    "POST /containers/longshore-run_1-2/stop?t=1",
    "POST /containers/abc/kill?signal=KILL",
    "POST /containers/abc/pause",
    "POST /containers/abc/unpause",
    "POST /containers/abc/wait",
    "POST /containers/abc/update",
    "DELETE /v1.41/containers/abc?force=1",
    "GET /images/registry.example.com:5000/team/image:tag/json",
    "POST /images/create?fromImage=node&tag=22",
    "GET /networks/longshore-egress",
    "POST /networks/create",
  ])("%s is allowed", (line) => {
    const [method = "", target = ""] = line.split(" ");
    expect(judge(method, target).kind).toBe("allow");
  });

  test.each([
    "POST /containers/abc/exec",
    "POST /exec/abc/start",
    "GET /exec/abc/json",
    "POST /containers/abc/attach?stream=1",
    "GET /containers/abc/attach/ws",
    "GET /containers/abc/logs?stdout=1",
    "GET /containers/abc/top",
    "POST /build",
    "POST /v1.41/session",
    "POST /grpc",
    "GET /volumes",
    "POST /volumes/create",
    "GET /networks",
    "DELETE /networks/bridge",
    "POST /networks/bridge/connect",
    "POST /networks/prune",
    "POST /swarm/init",
    "GET /secrets",
    "POST /plugins/pull",
    "POST /commit?container=abc",
    "POST /containers/prune",
    "GET /containers/abc/archive?path=/",
    "PUT /containers/abc/archive?path=/",
    "HEAD /containers/abc/archive?path=/",
    "GET /containers/abc/export",
    "GET /containers/abc/changes",
    "POST /containers/abc/copy",
    "POST /containers/abc/rename?name=x",
    "POST /containers/abc/restart",
    "POST /containers/abc/checkpoints",
    "POST /auth",
    "POST /images/load",
    "GET /images/json",
    "POST /images/node/tag?repo=x",
    "DELETE /images/node",
    "GET /containers/../volumes",
    "GET /containers/%2e%2e/json",
    "GET //containers/json",
    "GET http://engine/info",
    "DELETE /containers/",
    "GET /images/../containers/abc/json",
    "POST /containers/abc/kill?signal=TERM&signal=KILL",
    "GET /info?x?y",
    "get /info",
    "PATCH /info",
  ])("%s is refused", (line) => {
    const [method = "", target = ""] = line.split(" ");
    expect(judge(method, target).kind).toBe("refuse");
  });

  test("of a query only what is known goes on", () => {
    expect(
      judge("POST", "/images/create?fromImage=node&tag=22&fromSrc=-&repo=x&platform=linux"),
    ).toMatchObject({
      subject: { kind: "image", name: "node:22" },
      query: new URLSearchParams("fromImage=node&tag=22"),
    });
    expect(judge("DELETE", "/containers/abc?force=1&link=1")).toMatchObject({
      query: new URLSearchParams("force=1"),
    });
  });

  test("images are those of the setting, by their whole name", () => {
    const images = ["node:22", "registry.example.com/team/*:1", "longshore-runner-base:*-local"];
    const allowed = (image: string) => isAllowedImage(image, { images });
    expect(
      ["node:22", "registry.example.com/team/a:1", "longshore-runner-base:22-local"].every(allowed),
    ).toBe(true);
    expect(
      [
        "node",
        "node:22x",
        "evil/node:22",
        "nodeX22",
        "registry.example.com/team/a/b:1",
        "sha256:abc",
        "",
      ].some(allowed),
    ).toBe(false);
  });

  test.each([
    [{ LONGSHORE_AGENT_DATA: "" }, "LONGSHORE_AGENT_DATA"],
    [{ LONGSHORE_AGENT_DATA: "/" }, "LONGSHORE_AGENT_DATA"],
    [{ LONGSHORE_AGENT_DATA: "/var/../etc" }, "LONGSHORE_AGENT_DATA"],
    [{ LONGSHORE_AGENT_DATA: dataDir, LONGSHORE_NETWORK: "host" }, "LONGSHORE_NETWORK"],
    [{ LONGSHORE_AGENT_DATA: dataDir, LONGSHORE_NETWORK: "container:x" }, "LONGSHORE_NETWORK"],
    [{ LONGSHORE_AGENT_DATA: dataDir, LONGSHORE_EGRESS_ALLOW: "10.0.0.0/99" }, "10.0.0.0/99"],
    [{ LONGSHORE_AGENT_DATA: dataDir, LONGSHORE_GATE_CPUS: "many" }, "LONGSHORE_GATE_CPUS"],
  ])("%j is no setting to start with", (env, why) => {
    expect(() => readPolicy(env)).toThrow(PolicyError);
    expect(() => readPolicy(env)).toThrow(why);
  });
});

/** What a container may not be made with, and a word of the reason. */
const refusals: [object, string][] = [
  [{ ...good, Labels: {} }, "label"],
  [{ ...good, Labels: { "dev.longshore.run": "r" } }, "label"],
  [{ ...good, Labels: { ...good.Labels, "dev.longshore.gate": "other" } }, "label"],
  [{ ...good, Labels: { ...good.Labels, "com.docker.compose.project": "x" } }, "label"],
  [{ ...good, Image: "alpine" }, "image alpine"],
  [{ ...good, User: "0:0" }, "user"],
  [{ ...good, User: "" }, "user"],
  [{ ...good, User: "1000:0" }, "user"],
  [{ ...good, hostconfig: { Privileged: true } }, "hostconfig"],
  [{ ...good, HostConfig: null }, "HostConfig"],
  [{ ...good, NetworkingConfig: { EndpointsConfig: { engine: { Aliases: ["a"] } } } }, "NetworkingConfig"],
  [{ ...good, Volumes: { "/x": { a: 1 } } }, "Volumes"],
  [{ ...good, OpenStdin: true }, "OpenStdin"],
  [{ ...good, Healthcheck: { Test: ["CMD", "x"] } }, "Healthcheck"],
  [withHost({ Privileged: true }), "HostConfig.Privileged"],
  [withHost({ privileged: true }), "HostConfig.privileged"],
  [withHost({ CapAdd: ["SYS_ADMIN"] }), "CapAdd"],
  [withHost({ CapDrop: [] }), "CapDrop"],
  [withHost({ CapDrop: ["NET_RAW"] }), "capabilities"],
  [withHost({ Devices: [{ PathOnHost: "/dev/sda" }] }), "Devices"],
  [withHost({ DeviceRequests: [{ Count: -1 }] }), "DeviceRequests"],
  [withHost({ DeviceCgroupRules: ["a *:* rwm"] }), "DeviceCgroupRules"],
  [withHost({ BlkioDeviceReadBps: [{ Path: "/dev/sda", Rate: 1 }] }), "BlkioDeviceReadBps"],
  [withHost({ PidMode: "host" }), "PidMode"],
  [withHost({ UTSMode: "host" }), "UTSMode"],
  [withHost({ UsernsMode: "host" }), "UsernsMode"],
  [withHost({ CgroupnsMode: "host" }), "CgroupnsMode"],
  [withHost({ CgroupParent: "/" }), "CgroupParent"],
  [withHost({ Cgroup: "x" }), "Cgroup"],
  [withHost({ IpcMode: "host" }), "IPC"],
  [withHost({ IpcMode: "container:abc" }), "IPC"],
  [withHost({ NetworkMode: "host" }), "network host"],
  [withHost({ NetworkMode: "container:abc" }), "network"],
  [withHost({ NetworkMode: "bridge" }), "network bridge"],
  [withHost({ NetworkMode: "" }), "NetworkMode"],
  [withHost({ SecurityOpt: ["seccomp=unconfined"] }), "security"],
  [withHost({ SecurityOpt: ["no-new-privileges", "apparmor=unconfined"] }), "security"],
  [withHost({ SecurityOpt: ["no-new-privileges:false"] }), "security"],
  [withHost({ SecurityOpt: [] }), "SecurityOpt"],
  [withHost({ MaskedPaths: [""] }), "MaskedPaths"],
  [withHost({ ReadonlyPaths: ["/x"] }), "ReadonlyPaths"],
  [withHost({ ReadonlyRootfs: false }), "root"],
  [withHost({ Mounts: [{ Type: "bind", Source: "/", Target: "/host" }] }), "Mounts"],
  [withHost({ VolumesFrom: ["abc"] }), "VolumesFrom"],
  [withHost({ VolumeDriver: "x" }), "VolumeDriver"],
  [withHost({ Binds: ["/:/longshore/host"] }), "mounts /"],
  [withHost({ Binds: ["/var/run/docker.sock:/longshore/s"] }), "docker.sock"],
  [withHost({ Binds: [`${dataDir}:/longshore/d`] }), "mounts"],
  [withHost({ Binds: [`${dataDir}/../docker:/longshore/d`] }), "mounts"],
  [withHost({ Binds: [`${dataDir}/./x:/longshore/d`] }), "mounts"],
  [withHost({ Binds: [`${dataDir}-other/x:/longshore/d`] }), "mounts"],
  [withHost({ Binds: ["volume:/longshore/d"] }), "mounts volume"],
  [withHost({ Binds: [`${dataDir}/a:/longshore/d:rw,shared`] }), "mounts"],
  [withHost({ Binds: [`${dataDir}/a:/usr/bin:ro`] }), "mounts"],
  [withHost({ Runtime: "other" }), "runtime other"],
  [withHost({ Sysctls: { "kernel.core_pattern": "|/x" } }), "Sysctls"],
  [withHost({ GroupAdd: ["docker"] }), "GroupAdd"],
  [withHost({ PortBindings: { "80/tcp": [{ HostPort: "80" }] } }), "PortBindings"],
  [withHost({ PublishAllPorts: true }), "PublishAllPorts"],
  [withHost({ Links: ["other"] }), "Links"],
  [withHost({ ExtraHosts: ["a:1"] }), "ExtraHosts"],
  [withHost({ Dns: ["1.1.1.1"] }), "Dns"],
  [withHost({ OomKillDisable: true }), "OomKillDisable"],
  [withHost({ OomScoreAdj: -1000 }), "OomScoreAdj"],
  [withHost({ StorageOpt: { size: "1T" } }), "StorageOpt"],
  [withHost({ RestartPolicy: { Name: "always" } }), "RestartPolicy"],
  [withHost({ LogConfig: { Type: "syslog", Config: {} } }), "log"],
  [withHost({ LogConfig: { Type: "json-file", Config: {} } }), "Config"],
  [
    withHost({ LogConfig: { Type: "json-file", Config: { "max-size": "999999g", "max-file": "5" } } }),
    "bounded",
  ],
  [withHost({ LogConfig: { Type: "local", Config: { "max-size": "129m", "max-file": "2" } } }), "bounded"],
  [withHost({ Tmpfs: { "/tmp": "rw,exec,suid" } }), "temporary"],
  // The kernel takes the last of two that contradict each other.
  ...[
    "nosuid,nodev,size=1m,exec,suid",
    "nosuid,nodev,size=1m,suid",
    "nosuid,nodev,size=1m,dev",
    "suid,nosuid,nodev,size=1m",
    "nosuid,nodev,size=1m,exec",
    "nosuid,nodev,size=1m,size=0",
    "nosuid,nodev,size=0",
    "nosuid,nodev,size=50%",
    "nosuid,nodev,size=1m,mode=4777",
    "nosuid,nodev,size=1m,uid=0",
    "nosuid,nodev,size=1m,huge=always",
    "nosuid,nodev,size=1m,",
    "nosuid=,nodev,size=1m",
    "nosuid,nodev",
    "nodev,size=1m",
  ].map((options): [object, string] => [withHost({ Tmpfs: { "/tmp": options } }), "temporary"]),
  [withHost({ Tmpfs: { "/usr/bin": "nosuid,nodev,size=1m" } }), "temporary"],
  [withHost({ Memory: 0, MemorySwap: 0 }), "Memory"],
  [withHost({ Memory: 1e12, MemorySwap: 1e12 }), "Memory"],
  [withHost({ MemorySwap: -1 }), "MemorySwap"],
  [withHost({ MemorySwap: 128 * mib }), "Swap"],
  [withHost({ NanoCpus: -1 }), "NanoCpus"],
  [withHost({ NanoCpus: 1e12 }), "NanoCpus"],
  [withHost({ CpusetCpus: "0" }), "CpusetCpus"],
  [withHost({ PidsLimit: -1 }), "PidsLimit"],
  [withHost({ PidsLimit: 0 }), "PidsLimit"],
  [withHost({ Ulimits: [{ Name: "memlock", Soft: 1, Hard: 1 }] }), "Ulimits"],
  [withHost({ SomethingNew: { deep: [1] } }), "SomethingNew"],
];

describe("how a container may be made", () => {
  test("as the agent makes it", () => {
    expect(checkCreate(good, policy)).toMatchObject({
      kind: "ok",
      body: { Labels: { "dev.longshore.gate": policy.owner }, HostConfig: { CapDrop: ["ALL"] } },
      binds: [`${dataDir}/runner/1`],
    });
    expect(checkCreate(withHost({ NanoCpus: undefined }), policy).kind).toBe("ok");
    const nothing = { Privileged: false, CapAdd: null, Devices: [], PidMode: "" };
    expect(checkCreate(withHost(nothing), policy)).toEqual(checkCreate(good, policy));
  });

  test("what says nothing is not sent: no empty second name can undo what was checked", () => {
    const nothing = { hostconfig: null, HOSTCONFIG: {}, user: "", Volumes: { "/x": {} } };
    const endpoints = { NetworkingConfig: { EndpointsConfig: { engine: {} } } };
    const checked = checkCreate({ ...good, ...nothing, ...endpoints }, policy);
    expect(checked).toEqual(checkCreate(good, policy));
  });

  test("with another runtime only when the operator names it", () => {
    const gvisor = readPolicy({
      LONGSHORE_AGENT_DATA: dataDir,
      LONGSHORE_RUNNER_IMAGE: "node:22",
      LONGSHORE_CONTAINER_RUNTIME: "runsc",
    });
    expect(checkCreate(withHost({ Runtime: "runsc" }), gvisor).kind).toBe("ok");
    expect(checkCreate(withHost({ Runtime: "runc" }), gvisor).kind).toBe("refuse");
    // Without a name it would get the engine's own.
    for (const none of [{}, { Runtime: undefined }, { Runtime: "" }, { runtime: "runsc" }])
      expect(checkCreate(withHost(none), gvisor)).toMatchObject({ kind: "refuse" });
    expect(checkCreate(good, gvisor)).toMatchObject({ why: "it does not ask for the runtime runsc" });
  });

  test.each(refusals)("not with %j", (body, why) => {
    expect(checkCreate(body, policy)).toMatchObject({ kind: "refuse", why: expect.stringContaining(why) });
  });
  test.each([[[]], [null], ["text"], [7]])("not from %j", (body) => {
    expect(checkCreate(body, policy).kind).toBe("refuse");
  });

  test("of one that runs only its limits are changed, within bounds", () => {
    const limits = { Memory: 32 * mib, MemorySwap: 32 * mib, NanoCpus: 1e9, PidsLimit: 10 };
    expect(checkUpdate(limits, policy)).toMatchObject({ kind: "ok", body: limits });
    const refused = (body: object) => checkUpdate(body, policy).kind === "refuse";
    expect(
      [
        { RestartPolicy: { Name: "always" } },
        { Devices: [{}] },
        { Memory: 32 * mib },
        { Memory: 32 * mib, MemorySwap: -1 },
        { NanoCpus: 1e13 },
        { PidsLimit: -1 },
        { CpusetCpus: "0-7" },
        { KernelMemory: 1 },
        { OomKillDisable: true },
      ].filter((body) => !refused(body)),
    ).toEqual([]);
  });

  test("the one network is made as the agent makes it, and no other", () => {
    const { egress } = policy;
    if (!egress) throw new Error("the policy has no network to make");
    const wanted = networkOptions(egress);
    expect(checkNetwork(wanted, policy).kind).toBe("ok");
    const others = [
      { ...wanted, Name: "mine" },
      { ...wanted, Driver: "macvlan" },
      { ...wanted, Attachable: true },
      { ...wanted, EnableIPv6: true },
      { ...wanted, Options: { ...wanted.Options, "com.docker.network.bridge.name": "docker0" } },
      { ...wanted, Options: { ...wanted.Options, "com.docker.network.bridge.enable_icc": "true" } },
      { ...wanted, IPAM: { Config: [{ Subnet: "10.0.0.0/8" }] } },
      {},
    ];
    expect(others.filter((body) => checkNetwork(body, policy).kind === "ok")).toEqual([]);
    const named = readPolicy({ LONGSHORE_AGENT_DATA: dataDir, LONGSHORE_NETWORK: "mine" });
    expect(checkNetwork(wanted, named).kind).toBe("refuse");
  });

  test("folders are mounted by their own names: no link on the way", () => {
    const folder = mkdtempSync(join(tmpdir(), "longshore-gate-"));
    try {
      mkdirSync(join(folder, "runs/a/s"), { recursive: true });
      symlinkSync("/", join(folder, "root"));
      symlinkSync(join(folder, "runs"), join(folder, "inside"));
      const why = (path: string) => whyNotMounted([join(folder, path)], folder);
      expect(why("runs/a/s")).toBeNull();
      expect(why("root")).toContain("is no folder");
      expect(why("root/etc")).toContain("is no folder");
      expect(why("inside/a")).toContain("is no folder");
      expect(why("runs/none")).toContain("ENOENT");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** A client of a gate of its own in front of `engineSocket`. */
const startGate = async (engineSocket: string, own = policy) => {
  const log: string[] = [];
  const gate = createGate({ engineSocket, policy: own, log: (line) => log.push(line) });
  await new Promise<void>((resolve) => gate.listen(0, "127.0.0.1", resolve));
  const { port } = gate.address() as AddressInfo;
  const docker = new Docker({ protocol: "http", host: "127.0.0.1", port });
  const close = async () => {
    gate.closeAllConnections();
    await new Promise((resolve) => gate.close(resolve));
  };
  return { docker, port, log, close };
};

describe("docker-gate in front of an engine that writes down what reaches it", () => {
  const folder = mkdtempSync(join(tmpdir(), "longshore-fake-engine-"));
  const engineSocket = join(folder, "engine.sock");
  const asked: { line: string; body: string; headers: object }[] = [];
  /** How often the engine does not kill what it should. */
  let unwilling = 0;
  const left: string[] = [];
  const full = (name: string) => Buffer.from(name).toString("hex").padEnd(64, "0");
  let engine: Server;
  let gate: Awaited<ReturnType<typeof startGate>>;

  beforeAll(async () => {
    engine = createServer(async (incoming, response) => {
      const { method, url = "", headers } = incoming;
      asked.push({ line: `${method} ${decodeURIComponent(url)}`, body: await text(incoming), headers });
      const name = /^\/containers\/([^/]+)\/json/.exec(url)?.[1];
      const answer = (status: number, body: unknown) =>
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
      if (name === "gone" || url.includes("/000000")) return answer(404, { message: "No such container" });
      const labels: Record<string, Record<string, string>> = {
        foreign: {},
        neighbour: { "dev.longshore.agent": "a", "dev.longshore.gate": "another" },
        direct: { "dev.longshore.agent": "a" },
      };
      const own = { "dev.longshore.agent": "a", "dev.longshore.gate": policy.owner };
      if (name === "raced") {
        const Binds = [`${folder}/raced:/longshore/agent`];
        return answer(200, { Id: full(name), Config: { Labels: own }, HostConfig: { Binds } });
      }
      if (url.endsWith("/start")) {
        // Whoever is quick puts a link there after the gate has looked.
        rmSync(join(folder, "raced"), { recursive: true });
        symlinkSync("/etc", join(folder, "raced"));
      }
      if (name) return answer(200, { Id: full(name), Config: { Labels: labels[name] ?? own } });
      if (url.includes("/kill") && unwilling > 0) {
        unwilling--;
        return answer(500, { message: "not now" });
      }
      if (url.includes("/kill") || url.includes("?force=1")) return response.writeHead(204).end();
      if (url === "/images/node:22/json") {
        response.once("close", () => left.push(url));
        return; // and never answers
      }
      if (url.startsWith("/events")) {
        response.writeHead(200);
        response.write('{"first":1}\n');
        return; // and never ends
      }
      return answer(method === "GET" ? 200 : 201, { Id: "made" });
    });
    await new Promise<void>((resolve) => engine.listen(engineSocket, resolve));
    gate = await startGate(engineSocket);
  });
  afterAll(async () => {
    await gate.close();
    engine.closeAllConnections();
    await new Promise((resolve) => engine.close(resolve));
    rmSync(folder, { recursive: true });
  });
  const linesOf = async (act: () => Promise<unknown>) => {
    asked.length = 0;
    await act();
    return asked.map(({ line }) => line);
  };
  const refusal = (message: string) => ({
    statusCode: 403,
    json: { message: expect.stringContaining(message) },
  });

  test("what is refused never reaches the engine, and says why", async () => {
    const exec = () => gate.docker.getContainer("abc").exec({ Cmd: ["sh"] });
    const lines = await linesOf(() =>
      expect(exec()).rejects.toMatchObject(refusal("agents may not do this")),
    );
    expect(lines).toEqual([]);
    expect(gate.log.at(-1)).toContain("POST /containers/abc/exec");
  });

  test("a container's description arrives as it was understood: the engine sees no second reading", async () => {
    const { Binds: _, ...host } = good.HostConfig;
    const raw = JSON.stringify({ ...good, HostConfig: host }).replace(
      "{",
      '{"HostConfig":{"Privileged":true},',
    );
    asked.length = 0;
    const url = `http://127.0.0.1:${gate.port}/containers/create?name=longshore-a&name2=b`;
    const answer = await fetch(url, { method: "POST", body: raw, headers: { "x-odd": "1" } });
    expect(answer.status).toBe(201);
    expect(asked.at(-1)?.line).toBe("POST /containers/create?name=longshore-a");
    const sent = JSON.parse(asked.at(-1)?.body ?? "");
    expect(sent.HostConfig).not.toHaveProperty("Privileged");
    expect(sent.Labels).toEqual({ ...good.Labels, "dev.longshore.gate": policy.owner });
    expect(asked.at(-1)?.headers).not.toHaveProperty("x-odd");
  });

  test("a name that is not an agent's, a body that is none, and one too large are refused", async () => {
    const create = (name: string, body: string) =>
      fetch(`http://127.0.0.1:${gate.port}/containers/create?name=${name}`, { method: "POST", body });
    const lines = await linesOf(async () => {
      for (const [name, body] of [
        ["database", JSON.stringify(good)],
        ["longshore-a", "{"],
        ["longshore-a", JSON.stringify({ ...good, Cmd: ["x".repeat(300_000)] })],
      ] as const) {
        expect((await create(name, body)).status).toBe(403);
      }
    });
    expect(lines).toEqual([]);
  });

  test("only containers made through this gate are touched, by their full id", async () => {
    const kill = (name: string) => gate.docker.getContainer(name).kill();
    for (const name of ["foreign", "neighbour", "direct"]) {
      const lines = await linesOf(() =>
        expect(kill(name)).rejects.toMatchObject(refusal("not this agent's")),
      );
      expect(lines).toEqual([`GET /containers/${name}/json`]);
    }
    expect(await linesOf(() => kill("ours"))).toEqual([
      "GET /containers/ours/json",
      `POST /containers/${full("ours")}/kill`,
    ]);
    // An id is asked about once; a name, which may pass to another container, each time.
    expect(await linesOf(() => kill(full("ours")))).toEqual([`POST /containers/${full("ours")}/kill`]);
    expect(await linesOf(() => kill("ours"))).toHaveLength(2);
    const gone = await linesOf(() => expect(kill("gone")).rejects.toMatchObject({ statusCode: 404 }));
    expect(gone.at(-1)).toMatch(/^POST \/containers\/0{64}\/kill$/);
  });

  test("lists and events are asked for with the gate's mark, whatever the filter says", async () => {
    const mark = `dev.longshore.gate=${policy.owner}`;
    const lines = await linesOf(async () => {
      await gate.docker.listContainers({ all: true });
      await gate.docker.listContainers({ filters: { label: ["dev.longshore.gate=another"] } });
      await gate.docker.listContainers({ filters: '{"label":{"a=b":true}}' });
    });
    expect(lines.map((line) => new URLSearchParams(line.split("?")[1]).get("filters"))).toEqual([
      JSON.stringify({ label: [mark] }),
      JSON.stringify({ label: ["dev.longshore.gate=another", mark] }),
      JSON.stringify({ label: ["a=b", mark] }),
    ]);
    await expect(gate.docker.listContainers({ filters: '{"label":"x"' })).rejects.toMatchObject({
      statusCode: 403,
    });
  });

  test("a container whose folder became a link while it was started is killed", async () => {
    mkdirSync(join(folder, "raced"));
    const racing = await startGate(engineSocket, { ...policy, dataDir: folder });
    try {
      const start = () => racing.docker.getContainer("raced").start();
      const lines = await linesOf(() => expect(start()).rejects.toMatchObject(refusal("was killed")));
      expect(lines.at(-1)).toBe(`POST /containers/${full("raced")}/kill`);
    } finally {
      await racing.close();
    }
  });

  test.each([
    [2, "was killed", `POST /containers/${full("raced")}/kill`],
    [5, "was killed", `DELETE /containers/${full("raced")}?force=1`],
  ])(
    "an engine that does not kill it %i times is asked again, and in the end to remove it",
    async (times, said, last) => {
      rmSync(join(folder, "raced"), { recursive: true, force: true });
      mkdirSync(join(folder, "raced"));
      const racing = await startGate(engineSocket, { ...policy, dataDir: folder });
      unwilling = times;
      try {
        const start = () => racing.docker.getContainer("raced").start();
        const lines = await linesOf(() => expect(start()).rejects.toMatchObject(refusal(said)));
        expect(lines.filter((line) => line.endsWith("/kill"))).toHaveLength(Math.min(times + 1, 5));
        expect(lines.at(-1)).toBe(last);
      } finally {
        unwilling = 0;
        await racing.close();
      }
    },
  );

  test("a client that starts a container and goes does not keep it from being looked at", async () => {
    rmSync(join(folder, "raced"), { recursive: true, force: true });
    mkdirSync(join(folder, "raced"));
    const racing = await startGate(engineSocket, { ...policy, dataDir: folder });
    const hasKilled = () => asked.some(({ line }) => line.endsWith("/kill"));
    asked.length = 0;
    try {
      const client = request({ port: racing.port, method: "POST", path: "/containers/raced/start" });
      client.on("error", () => undefined);
      client.end();
      await expect
        .poll(() => asked.some(({ line }) => line.endsWith("/start")), { timeout: 5_000 })
        .toBe(true);
      client.destroy();
      await expect.poll(hasKilled, { timeout: 5_000 }).toBe(true);
    } finally {
      await racing.close();
    }
  });

  test("an engine that hangs is left by the gate when its client goes", async () => {
    const client = request({ port: gate.port, method: "GET", path: "/images/node:22/json" });
    client.on("error", () => undefined);
    client.end();
    await expect
      .poll(() => asked.some(({ line }) => line.includes("/images/node:22/json")), { timeout: 5_000 })
      .toBe(true);
    client.destroy();
    await expect.poll(() => left, { timeout: 5_000 }).toEqual(["/images/node:22/json"]);
  });

  test("a stream arrives while it goes on, and ends at the engine when its reader leaves", async () => {
    const stream = (await gate.docker.getEvents({})) as NodeJS.ReadableStream & { destroy(): void };
    const first = await new Promise<Buffer>((resolve) => stream.once("data", resolve));
    expect(first.toString()).toBe('{"first":1}\n');
    expect(asked.at(-1)?.line).toContain("dev.longshore.gate=");
    stream.destroy();
  });

  test("no connection becomes a raw stream", async () => {
    const attempt = (path: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const headers = { connection: "Upgrade", upgrade: "tcp" };
        request({ host: "127.0.0.1", port: gate.port, method: "POST", path, headers })
          .once("response", (answer) => resolve(answer.resume().statusCode))
          .once("upgrade", (_, socket) => {
            socket.destroy();
            resolve(101);
          })
          .once("error", reject)
          .end();
      });
    const lines = await linesOf(async () => {
      expect(await attempt("/containers/ours/attach?stream=1")).toBe(403);
      expect(await attempt("/containers/ours/start")).toBe(403);
      expect(await attempt("/session")).toBe(403);
    });
    expect(lines).toEqual([]);
  });
});

const host = needs("docker");
const image = needs("runnerImage");

describe.skipIf(!host || !image)("docker-gate in front of a real engine", () => {
  const data = mkdtempSync(join(tmpdir(), "longshore-gate-"));
  const own = readPolicy({ LONGSHORE_AGENT_DATA: data, LONGSHORE_RUNNER_IMAGE: image });
  const direct = connectDocker(host);
  const endless = ["node", "-e", "setInterval(() => {}, 1000)"];
  const like = (name: string, over: object = {}, hostOver: object = {}) => ({
    ...good,
    Image: image,
    Cmd: endless,
    name: `longshore-gate-test-${process.pid}-${name}`,
    ...over,
    HostConfig: { ...good.HostConfig, Binds: [`${data}/runs/a:/longshore/agent:rw`], ...hostOver },
  });
  const refused = expect.objectContaining({ statusCode: 403 });
  let gate: Awaited<ReturnType<typeof startGate>>;
  let foreign: Docker.Container;

  beforeAll(async () => {
    mkdirSync(join(data, "runs/a"), { recursive: true });
    gate = await startGate((host as string).replace("unix://", ""), own);
    foreign = await direct.createContainer({
      Image: image,
      Cmd: endless,
      // As an agent beside this one, without its gate, would mark it.
      Labels: { "dev.longshore.agent": "agent_1" },
      HostConfig: { NetworkMode: "none" },
    });
    await foreign.start();
  });
  afterAll(async () => {
    await foreign?.remove({ force: true });
    await gate?.close();
    rmSync(data, { recursive: true, force: true });
  });

  test("an agent's container lives its whole life through it", { timeout: 60_000 }, async () => {
    const { docker } = gate;
    expect(await docker.ping()).toBeTruthy();
    expect(await docker.info()).toHaveProperty("NCPU");
    expect(await docker.version()).toHaveProperty("ApiVersion");
    expect((await docker.getImage(image as string).inspect()).Id).toBeTruthy();
    const events = (await docker.getEvents({ filters: { type: ["container"], event: ["die"] } })) as {
      destroy(): void;
    } & NodeJS.ReadableStream;
    const died: string[] = [];
    events.on("data", (piece: Buffer) => died.push(piece.toString()));
    const container = await docker.createContainer(like("life"));
    try {
      await container.start();
      await container.pause();
      await container.unpause();
      await container.update({ Memory: 48 * mib, MemorySwap: 48 * mib, NanoCpus: 1e9, PidsLimit: 50 });
      const listed = await docker.listContainers({ all: true });
      expect(listed.map(({ Id }) => Id)).toEqual([container.id]);
      const seen = await container.inspect();
      expect(seen.HostConfig.Memory).toBe(48 * mib);
      expect(seen.HostConfig.Privileged).toBe(false);
      const ended = container.wait();
      // Another's end is not heard; ours is.
      await foreign.kill();
      await container.kill({ signal: "SIGKILL" });
      expect(await ended).toMatchObject({ StatusCode: 137 });
      await container.remove({ force: true, v: true });
      await expect.poll(() => died.join("")).toContain(container.id);
      expect(died.join("")).not.toContain(foreign.id);
    } finally {
      await direct
        .getContainer(container.id)
        .remove({ force: true })
        .catch(() => undefined);
      events.destroy();
      await foreign.start();
    }
  });

  test("a container of another's is out of reach in every way", { timeout: 30_000 }, async () => {
    const { Id, Name } = await foreign.inspect();
    const names = [Id, Id.slice(0, 12), Name.slice(1)];
    const attempts = (one: Docker.Container): (() => Promise<unknown>)[] => [
      () => one.inspect(),
      () => one.start(),
      () => one.stop(),
      () => one.kill(),
      () => one.pause(),
      () => one.update({ PidsLimit: 1 }),
      () => one.wait(),
      () => one.remove({ force: true }),
      () => one.exec({ Cmd: ["node"] }),
      () => one.attach({ stream: true, stdin: true, hijack: true }),
      () => one.logs({ stdout: true }),
      () => one.getArchive({ path: "/" }),
      () => one.export(),
      () => one.commit({}),
      () => one.rename({ name: "x" }),
    ];
    const answers = await Promise.allSettled(
      names.flatMap((name) => attempts(gate.docker.getContainer(name))).map((attempt) => attempt()),
    );
    expect(answers.filter((one) => one.status === "fulfilled" || one.reason.statusCode !== 403)).toEqual([]);
    expect((await foreign.inspect()).State.Running).toBe(true);
  });

  test("nothing is made that is refused, and of our own nothing is entered", {
    timeout: 60_000,
  }, async () => {
    // Whatever goes through bears the gate's mark; other tests have containers on this engine too.
    const made = () =>
      direct.listContainers({ all: true, filters: { label: [`dev.longshore.gate=${policy.owner}`] } });
    const before = (await made()).length;
    for (const [body] of refusals) {
      const wanted = { ...body, Image: "Image" in body && body.Image === "node:22" ? image : "alpine" };
      await expect(gate.docker.createContainer(wanted as Docker.ContainerCreateOptions)).rejects.toEqual(
        refused,
      );
    }
    expect((await made()).length).toBe(before);
    const container = await gate.docker.createContainer(like("own"));
    try {
      await container.start();
      await expect(container.exec({ Cmd: ["node"] })).rejects.toEqual(refused);
      await expect(container.attach({ stream: true, hijack: true })).rejects.toEqual(refused);
      await expect(container.update({ Memory: 48 * mib, MemorySwap: -1 })).rejects.toEqual(refused);
      await expect(container.getArchive({ path: "/" })).rejects.toEqual(refused);
      const network = await direct.getNetwork("bridge").inspect();
      await expect(gate.docker.getNetwork(network.Id).connect({ Container: container.id })).rejects.toEqual(
        refused,
      );
    } finally {
      await direct.getContainer(container.id).remove({ force: true });
    }
  });

  test("a link in the agent's folder leads out of it neither at the making nor at the start", {
    timeout: 30_000,
  }, async () => {
    symlinkSync("/etc", join(data, "runs/link"));
    const linked = like("link", {}, { Binds: [`${data}/runs/link:/longshore/agent:ro`] });
    await expect(gate.docker.createContainer(linked)).rejects.toEqual(refused);

    mkdirSync(join(data, "runs/swapped"));
    const swapped = await gate.docker.createContainer(
      like("swapped", {}, { Binds: [`${data}/runs/swapped:/longshore/agent:ro`] }),
    );
    try {
      renameSync(join(data, "runs/swapped"), join(data, "runs/kept"));
      symlinkSync("/etc", join(data, "runs/swapped"));
      await expect(swapped.start()).rejects.toEqual(refused);
      expect((await direct.getContainer(swapped.id).inspect()).State.Status).toBe("created");
    } finally {
      await direct.getContainer(swapped.id).remove({ force: true });
    }
  });
});
