import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { exitCodes } from "../exit-codes.ts";
import { detectBranch } from "./detect-branch.ts";

let dir: string;
const git = (...args: string[]) =>
  execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.test", ...args], { cwd: dir });
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "longshore-branch-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const refused = (dirNow: string) => detectBranch(dirNow, {}).catch((error: unknown) => error);

test("a folder without git has no branch, and the flag is named", async () => {
  expect(await refused(dir)).toMatchObject({
    message: expect.stringContaining("is in no git repository"),
    exitCode: exitCodes.badUsage,
    options: { next: expect.stringContaining("--branch") },
  });
});

test("git names the branch; a commit that is checked out by itself has none", async () => {
  git("init", "--quiet", "--initial-branch", "feat/x");
  expect(await detectBranch(dir, {})).toEqual({ name: "feat/x", from: "git" });
  git("commit", "--quiet", "--allow-empty", "--message", "one");
  git("checkout", "--quiet", "--detach");
  expect(await refused(dir)).toMatchObject({
    message: expect.stringContaining("a commit checked out, not a branch"),
    exitCode: exitCodes.badUsage,
  });
});

test.each(["GITHUB_HEAD_REF", "VERCEL_GIT_COMMIT_REF", "CI_COMMIT_REF_NAME"])(
  "%s says which branch a build service is on",
  async (from) => {
    expect(await detectBranch(dir, { GITHUB_HEAD_REF: "", [from]: "fix/y" })).toEqual({
      name: "fix/y",
      from,
    });
  },
);
