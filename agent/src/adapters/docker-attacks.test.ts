import { spawn } from "node:child_process";
import { chownSync, readdirSync, readFileSync } from "node:fs";
import Docker from "dockerode";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AttackStage, openAttackStage } from "../testing/attack-stage.ts";
import { attackTable, errno, errorName } from "../testing/attacks.ts";
import { hasDocker, testRunnerImage } from "../testing/docker-image.ts";
import { labelNames } from "./docker-options.ts";

/**
 * Each attack runs as a task in a container that the agent has started, as any task does. What cannot be done from Node
 * is done by a small program in the bundle that makes one system call and exits with its error number.
 */
const available = await hasDocker();
/** The programs are for this processor. */
const hasPrograms = available && process.arch === "x64";
const { note, print } = attackTable();
/** The user of containers. */
const runUser = 1_000;

/** What a run sees and may do, asked once for many tests. */
type Survey = {
  sockets: { sockets: string[]; docker: string[] };
  processes: { count: number; commands: string[]; kill: string };
  runner: { environment: string; memory: string; files: string; trace: number };
  written: Record<string, string>;
  readable: Record<string, string>;
  devices: { block: string[]; char: string[] };
  privileges: {
    become: string;
    group: string;
    setuid: string[];
    noNewPrivs: string;
    seccomp: string;
    caps: string[];
  };
};

const writing = [
  ...[
    "/longshore/bundle/tasks.mjs",
    "/longshore/bundle/new",
    "/longshore/bin/runner.cjs",
    "/longshore/bin/new",
  ],
  ...[
    "/new",
    "/etc/passwd",
    "/usr/local/bin/node",
    "/longshore/agent/new",
    "/dev/kmsg",
    "/dev/mem",
    "/dev/sda",
  ],
  ...[
    "/proc/sys/kernel/core_pattern",
    "/proc/sysrq-trigger",
    "/proc/sys/kernel/hostname",
    "/proc/sys/vm/drop_caches",
  ],
  ...[
    "/sys/kernel/mm/ksm/run",
    "/sys/power/state",
    "/sys/fs/cgroup/cgroup.procs",
    "/sys/fs/cgroup/memory/tasks",
  ],
];

describe.skipIf(!available)("attacks from inside a run's container", () => {
  const docker = new Docker();
  let stage: AttackStage;
  let image: string;
  let victim: ReturnType<typeof spawn>;
  let survey: Survey;

  beforeAll(async () => {
    image = await testRunnerImage();
    stage = await openAttackStage({ runnerImage: image });
    victim = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
    const { dataDir } = stage.harness.config;
    const reading = [
      dataDir,
      `${dataDir}/identity.json`,
      `${dataDir}/runs`,
      `${dataDir}/status.sock`,
      "/etc/shadow",
    ];
    survey = await stage.run<Survey>("survey", { writing, reading, pid: victim.pid }, 60_000);
  }, 120_000);
  afterAll(async () => {
    print();
    victim?.kill("SIGKILL");
    await stage?.harness.close();
  }, 60_000);

  /** As the engine describes them to whoever asks. */
  const containers = async (): Promise<Docker.ContainerInspectInfo[]> => {
    const label = [`${labelNames.agent}=${stage.agentId}`];
    const found = await docker.listContainers({ all: true, filters: { label } });
    return Promise.all(found.map(({ Id }) => docker.getContainer(Id).inspect()));
  };

  /** What the agent keeps of the container in which a run is. */
  const recordOf = (runId: string): { folder: string; key: string; token: string } => {
    const root = `${stage.harness.config.dataDir}/runs`;
    for (const key of readdirSync(root)) {
      const latest = readFileSync(`${root}/${key}/container.json`, "utf8").trim().split("\n").at(-1) ?? "";
      if (latest.includes(runId)) return { folder: `${root}/${key}`, key, token: JSON.parse(latest).token };
    }
    throw new Error(`no container has ${runId}`);
  };

  describe.skipIf(!hasPrograms)("system calls", () => {
    const denied: [string, number[]][] = [
      ["mount", [errno.EPERM]],
      ["remount", [errno.EPERM]],
      ["umount", [errno.EPERM]],
      ["pivotRoot", [errno.EPERM]],
      ["chroot", [errno.EPERM]],
      ["mknod", [errno.EPERM]],
      ["rawSocket", [errno.EPERM]],
      ["packetSocket", [errno.EPERM]],
      ["setuid", [errno.EPERM]],
      ["setgid", [errno.EPERM]],
      ["unshareUser", [errno.EPERM]],
      ["unshareNet", [errno.EPERM]],
      ["setns", [errno.EPERM]],
      ["bpf", [errno.EPERM]],
      ["perf", [errno.EPERM]],
      ["keyctl", [errno.EPERM]],
      ["addKey", [errno.EPERM]],
      ["initModule", [errno.EPERM]],
      ["kexec", [errno.EPERM, errno.ENOSYS]],
      ["reboot", [errno.EPERM]],
      ["setHostname", [errno.EPERM]],
      ["setTime", [errno.EPERM]],
      ["swapon", [errno.EPERM]],
      ["openByHandle", [errno.EPERM]],
      ["ptraceAgent", [errno.ESRCH]],
      ["nice", [errno.EACCES, errno.EPERM]],
      ["userfaultfd", [errno.EPERM, errno.ENOSYS]],
    ];
    test("are refused by the kernel", { timeout: 90_000 }, async () => {
      const names = denied.map(([name]) => name);
      const results = await stage.run<[string, number][]>("programs", { names }, 60_000);
      for (const [name, status] of results) note(`system call: ${name}`, errorName(status));
      const passed = results.filter(
        ([name, status]) => !denied.find(([one]) => one === name)?.[1].includes(status),
      );
      expect(passed).toEqual([]);
    });

    test("a fork bomb meets its limit, and the agent goes on", { timeout: 100_000 }, async () => {
      const { runId } = stage.start("programs", { names: ["forkBomb"] });
      expect(await stage.outputOf(runId, 50_000)).toEqual([["forkBomb", errno.EAGAIN]]);
      note("fork bomb", "EAGAIN at the container's limit");
      expect(await stage.run("interfaces", {}, 50_000)).toHaveLength(1);
    });
  });

  test("no socket but its own, which takes its own token alone", { timeout: 60_000 }, async () => {
    const { sockets, docker: engines } = survey.sockets;
    note("sockets that can be seen", sockets);
    note("docker and containerd sockets", engines);
    expect(sockets).toEqual(["/longshore/agent/agent.sock"]);
    expect(engines).toEqual(["ENOENT", "ENOENT", "ENOENT"]);
    const other = stage.start("hold");
    await stage.harness.api.until("the other run", () => stage.harness.lines(other.runId).length > 0, 20_000);
    const answer = await stage.run("impersonate", { token: recordOf(other.runId).token });
    stage.stop(other.runId);
    note("the agent's socket with another run's token", answer);
    expect(answer).toBe("closed");
  });

  test("the folder of its socket is not to be written to, though its user owned it", {
    timeout: 60_000,
  }, async () => {
    const held = stage.start("hold");
    await stage.harness.api.until("the run", () => stage.harness.lines(held.runId).length > 0, 20_000);
    const { folder, key } = recordOf(held.runId);
    chownSync(`${folder}/s`, runUser, runUser);
    const found = (await containers()).find(({ Config }) => Config.Labels[labelNames.dir] === key);
    const exec = await docker.getContainer(found?.Id ?? "").exec({
      User: String(runUser),
      Cmd: ["node", "-e", 'require("fs").writeFileSync("/longshore/agent/new", "")'],
      AttachStderr: true,
    });
    const said = await new Promise<string>((resolve, reject) => {
      exec.start({}, (error, stream) => {
        if (error || !stream) return reject(error ?? new Error("nothing was said"));
        const pieces: Buffer[] = [];
        stream.on("data", (piece: Buffer) => pieces.push(piece));
        stream.on("end", () => resolve(Buffer.concat(pieces).toString()));
      });
    });
    stage.stop(held.runId);
    note("writing to its socket's folder as the owner", /E[A-Z]{3,}/.exec(said)?.[0] ?? said);
    expect(said).toContain("EROFS");
    expect(readdirSync(`${folder}/s`)).toEqual(["agent.sock"]);
  });

  test("a runner that its task has stopped is noticed, and the run ends", { timeout: 60_000 }, async () => {
    const impatient = await openAttackStage({ runnerImage: image, runnerSilentMs: 12_000 });
    try {
      const { runId } = impatient.start("stopRunner");
      const final = await impatient.harness.final(runId, 50_000);
      note("stopping the runner", final.kind);
      expect(final).toMatchObject({
        kind: "failed",
        error: { code: "TASK_EXECUTION_FAILED", message: expect.stringContaining("said nothing for 12 s") },
      });
      // The next run has a runner that speaks.
      expect(await impatient.run("interfaces", {}, 30_000)).toHaveLength(1);
    } finally {
      await impatient.harness.close();
    }
  });

  test("no file of the agent's, the host's or another run's", () => {
    const results = Object.values(survey.readable);
    note("reading the agent's folder and the host's files", results);
    expect(results).toHaveLength(5);
    // Images have a file of passwords of their own, which only their root reads.
    expect(results.filter((result) => result !== "ENOENT" && result !== "EACCES")).toEqual([]);
  });

  test("no process of the host's", () => {
    const { count, kill, commands } = survey.processes;
    note("processes that can be seen", `${count}; a signal to one of the host: ${kill}`);
    expect(kill).toBe("ESRCH");
    expect(count).toBeLessThan(10);
    expect(commands.filter((one) => /vitest|dockerd|containerd/.test(one))).toEqual([]);
  });

  test("no look into the runner beside it, which holds the container's token", () => {
    const { environment, memory, files, trace } = survey.runner;
    note("the runner's environment, memory, files, ptrace", [environment, memory, files, errorName(trace)]);
    expect([environment, memory, files, trace]).toEqual(["EACCES", "EACCES", "EACCES", errno.EPERM]);
  });

  test("nothing to write but a temporary file system", () => {
    for (const [path, result] of Object.entries(survey.written)) note(`writing ${path}`, result);
    expect(Object.keys(survey.written)).toEqual(writing);
    expect(Object.values(survey.written)).not.toContain("done");
  });

  test("no device but those that every container has", () => {
    const { block, char } = survey.devices;
    note("devices", [...block, ...char]);
    expect(block).toEqual([]);
    const usual = ["full", "null", "ptmx", "pts/ptmx", "random", "tty", "urandom", "zero", "console"];
    expect(char.filter((one) => !usual.includes(one))).toEqual([]);
  });

  test("no way to another user", () => {
    const { become, group, setuid, noNewPrivs, seccomp, caps } = survey.privileges;
    note("setuid(0), setgid(0)", [become, group]);
    note("setuid files, no_new_privs, seccomp", [setuid.length, noNewPrivs, seccomp]);
    expect([become, group, noNewPrivs, seccomp]).toEqual(["EPERM", "EPERM", "1", "2"]);
    expect(caps).toEqual(caps.map(() => "0000000000000000"));
  });

  test("open files end at their limit", { timeout: 40_000 }, async () => {
    const { code, count } = await stage.run<{ code: string; count: number }>("files_bomb", {}, 30_000);
    note("open files bomb", `${code} at ${count}`);
    expect(code).toBe("EMFILE");
    expect(count).toBeLessThanOrEqual(65_536);
  });

  test("a full temporary file system is the container's own matter", { timeout: 40_000 }, async () => {
    const lease = stage.start("fill", {}, { machine: "micro" });
    const { code, mb } = (await stage.outputOf(lease.runId, 30_000)) as { code: string; mb: number };
    note("filling /tmp", `${code} at ${mb} MB of the container's memory`);
    expect(code).toBe("ENOSPC");
    expect(mb).toBeLessThanOrEqual(128);
  });

  test("a memory bomb ends its own container", { timeout: 40_000 }, async () => {
    const final = await stage.harness.final(stage.start("eat", {}, { machine: "micro" }).runId, 30_000);
    note("memory bomb", final.kind === "failed" && "code" in final.error ? final.error.code : final.kind);
    expect(final).toMatchObject({ kind: "failed", error: { code: "TASK_PROCESS_OOM_KILLED" } });
  });

  test("a gigabyte of log is cut with a notice, and neither memory nor disk grow with it", {
    timeout: 120_000,
  }, async () => {
    const before = process.memoryUsage().rss;
    const { runId } = stage.start("chatter");
    expect(await stage.outputOf(runId, 110_000)).toBe("said");
    const lines = stage.harness.lines(runId);
    const kept = lines.reduce((sum, line) => sum + line.length, 0);
    const grown = (process.memoryUsage().rss - before) / 1024 / 1024;
    note("1 GB of log", `${Math.round(kept / 1024 / 1024)} MB kept, cut with a notice`);
    expect(lines.at(-1)).toContain("The log of this attempt ends here");
    expect(kept).toBeLessThanOrEqual(16 * 1024 * 1024);
    // The control plane of this test keeps all that it is told in this process too.
    expect(grown).toBeLessThan(400);
  });

  test("secrets are in no description of the container, no other run and no log", {
    timeout: 40_000,
  }, async () => {
    const env = { API_TOKEN: "tok/en+that nobody=sees", PUBLIC_NAME: "hello-world" };
    const over = { env, secretEnv: ["API_TOKEN"] };
    const holder = stage.start("hold", {}, over);
    await stage.harness.api.until("the run", () => stage.harness.lines(holder.runId).length > 0, 20_000);
    const described = await containers();
    expect(described.length).toBeGreaterThan(0);
    expect(JSON.stringify(described)).not.toContain(env.API_TOKEN);
    expect(await stage.run<string>("environment")).not.toContain(env.API_TOKEN);
    stage.stop(holder.runId);
    note("a secret in docker inspect, in another run", "absent");

    const { runId } = stage.start("tell", {}, over);
    const final = await stage.harness.final(runId, 20_000);
    const said = stage.harness.lines(runId);
    expect(said.slice(0, 2)).toEqual(["plain ***", "in two ***"]);
    expect(said).toContain("open hello-world");
    const all = JSON.stringify([final, said]);
    for (const form of [env.API_TOKEN, encodeURIComponent(env.API_TOKEN), "en+that"])
      expect(all).not.toContain(form);
    expect(all).not.toContain(Buffer.from(env.API_TOKEN).toString("base64").slice(4, -4));
    expect(final).toMatchObject({ kind: "failed", error: { message: "cannot log in with ***" } });
    note("a secret in logs and errors", "***");
  });

  test("a runtime that the engine has not ends the agent's start with what to do", {
    timeout: 30_000,
  }, async () => {
    const start = openAttackStage({ runnerImage: image, containerRuntime: "no-such" });
    await expect(start).rejects.toThrow(/no runtime "no-such" \(it has: .*runc.*daemon\.json/);
  });
});
