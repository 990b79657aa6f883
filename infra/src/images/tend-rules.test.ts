import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { whyNoEgressMark } from "@longshore/agent/adapters/egress-mark";
import { egressFor } from "@longshore/agent/core/egress";
import { afterEach, beforeEach, expect, test } from "vitest";
import { tendRules } from "../../images/egress/tend-rules.ts";

// Of a network that no agent uses.
const egress = egressFor(["203.0.113.11/32"]);
const run = promisify(execFile);
const hasFirewall = await run("iptables", ["-S"]).then(
  () => true,
  () => false,
);
let folder: string;
let markPath: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "longshore-tend-"));
  markPath = join(folder, "ready.json");
});
afterEach(async () => {
  await rm(folder, { recursive: true });
  for (const program of ["iptables", "ip6tables"]) {
    const tool = (...args: string[]) => run(program, args).catch(() => undefined);
    for (const place of ["INPUT", "DOCKER-USER", "FORWARD"])
      await tool("-D", place, "-i", egress.bridge, "-j", egress.chain);
    await tool("-F", egress.chain);
    await tool("-X", egress.chain);
  }
});

test.skipIf(!hasFirewall)("the egress helper takes its mark back when the rules cannot be set", async () => {
  const why = (atMs: number) => whyNoEgressMark(markPath, egress.bridge, atMs);
  const beforeMs = Date.now();
  expect(await tendRules(egress, markPath)).toMatchObject({ kind: "set" });
  expect(await why(Date.now())).toBeNull();
  // What is not renewed ends by itself, also by a clock that was set back.
  expect(await why(Date.now() + 61_000)).toContain("is not renewed any more");
  expect(await why(beforeMs - 61_000)).toContain("is not renewed any more");
  const broken = await tendRules(egress, markPath, (name) => ({ command: `/nowhere/${name}`, args: [] }));
  expect(broken).toEqual({ kind: "unable", why: "iptables is not installed" });
  expect(await why(Date.now())).toContain("is not written");
  await tendRules(egress, markPath);
  expect(await why(Date.now())).toBeNull();
});
