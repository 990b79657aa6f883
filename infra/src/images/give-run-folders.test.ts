import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { agentUser } from "../../images/agent/agent-user.ts";
import { giveRunFolders } from "../../images/agent/give-run-folders.ts";

const isRoot = process.getuid?.() === 0;

test.skipIf(!isRoot)("folders that the engine made as root become the agent's, and nothing else does", () => {
  const data = mkdtempSync(join(tmpdir(), "longshore-give-"));
  onTestFinished(() => rmSync(data, { recursive: true }));
  chmodSync(data, 0o711);
  const runs = join(data, "runs");
  const owner = (path: string) => lstatSync(join(runs, path)).uid;
  giveRunFolders(runs); // none yet
  for (const path of ["box_root/b", "box_root/s", "box_own/b", "elsewhere/b", "box_user"])
    mkdirSync(join(runs, path), { recursive: true });
  for (const path of ["", "box_own"]) chownSync(join(runs, path), agentUser, agentUser);
  chownSync(join(runs, "box_user"), 1_000, 1_000);
  writeFileSync(join(runs, "box_root/s/file"), "");
  symlinkSync(join(data, "target"), join(runs, "box_link"));
  symlinkSync(data, join(runs, "elsewhere/s"));

  giveRunFolders(runs);
  for (const path of ["box_root", "box_root/b", "box_root/s", "box_own/b", "elsewhere/b"])
    expect([path, owner(path)]).toEqual([path, agentUser]);
  expect(owner("box_user")).toBe(1_000);
  expect([owner("box_root/s/file"), owner("box_link"), owner("elsewhere/s"), lstatSync(data).uid]).toEqual([
    0, 0, 0, 0,
  ]);
  expect(process.geteuid?.()).toBe(0);
});
