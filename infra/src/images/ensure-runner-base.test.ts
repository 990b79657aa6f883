import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import type Docker from "dockerode";
import { describe, expect, test } from "vitest";
import { connectDocker } from "../services/connect-docker.ts";
import { findBinary } from "../services/find-binary.ts";
import { needs } from "../testing/need.ts";
import { ensureRunnerBase } from "./ensure-runner-base.ts";
import { parseLdd } from "./list-node-files.ts";

test("ldd's answer names libraries and the loader, and not the kernel's own page", () => {
  const glibc = `	linux-vdso.so.1 (0x00007f6abbc78000)
	libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f6abb920000)
	/lib64/ld-linux-x86-64.so.2 (0x00007f6abbc7a000)`;
  expect(parseLdd(glibc)).toEqual(["/lib/x86_64-linux-gnu/libm.so.6", "/lib64/ld-linux-x86-64.so.2"]);
});

const host = needs("docker");

describe.skipIf(!host || process.platform !== "linux")("the runner base image", () => {
  const docker = connectDocker(host);
  const env = {};

  test("a hardened container from it runs Node", { timeout: 60_000 }, async () => {
    const { image } = await ensureRunnerBase(docker, env);
    const script = `
      const dns = require('dns').promises, fs = require('fs');
      fs.writeFileSync('/tmp/x', 'x');
      let isReadOnly = false;
      try { fs.writeFileSync('/etc/x', 'x') } catch { isReadOnly = true }
      dns.lookup('localhost').then(({ address }) => console.log(JSON.stringify({
        version: process.version, uid: process.getuid(), isReadOnly, address, env: process.env.NODE_ENV,
        user: require('os').userInfo().username, roots: require('tls').rootCertificates.length > 0 })))`;
    const { output, code } = await runHardened(docker, image, ["node", "-e", script]);
    expect(code, output).toBe(0);
    expect(JSON.parse(output)).toEqual({
      version: process.version,
      uid: 1000,
      isReadOnly: true,
      address: expect.stringMatching(/^(127\.0\.0\.1|::1)$/),
      env: "production",
      user: "node",
      roots: true,
    });
  });

  test("it is made once", async () => {
    const { image } = await ensureRunnerBase(docker, env);
    expect(await ensureRunnerBase(docker, env)).toEqual({ image, how: "present" });
    expect(await ensureRunnerBase(docker, { LONGSHORE_RUNNER_IMAGE: image })).toEqual({
      image,
      how: "present",
    });
  });

  test("an image that no registry gives us falls back to our own", { timeout: 40_000 }, async () => {
    const wanted = { LONGSHORE_RUNNER_IMAGE: "127.0.0.1:9/longshore/none:1" };
    expect((await ensureRunnerBase(docker, wanted)).image).toContain("longshore-runner-base:");
  });
});

async function runHardened(docker: Docker, image: string, command: string[]) {
  const container = await docker.createContainer({
    Image: image,
    Cmd: command,
    User: "1000:1000",
    HostConfig: {
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges"],
      ReadonlyRootfs: true,
      Tmpfs: { "/tmp": "rw,nosuid,nodev,mode=1777,size=16m" },
      NetworkMode: "none",
      PidsLimit: 64,
      Init: findBinary(["docker-init"]) !== undefined,
    },
  });
  try {
    const stream = await container.attach({ stream: true, stdout: true, stderr: true });
    const joined = new PassThrough();
    container.modem.demuxStream(stream, joined, joined);
    stream.once("end", () => joined.end());
    await container.start();
    const [{ StatusCode: code }, output] = await Promise.all([container.wait(), text(joined)]);
    return { code, output };
  } finally {
    await container.remove({ force: true });
  }
}
