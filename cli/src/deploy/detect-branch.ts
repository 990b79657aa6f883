import { execFile } from "node:child_process";
import { CliError } from "../cli-error.ts";
import { exitCodes } from "../exit-codes.ts";

type Env = Record<string, string | undefined>;

/** A branch that nobody named. `from`: where the name is from, a variable or git. */
export type DetectedBranch = { name: string; from: string };

/** Build services check out a commit, not the branch; they say in these which branch it is of. */
const variables = ["GITHUB_HEAD_REF", "VERCEL_GIT_COMMIT_REF", "CI_COMMIT_REF_NAME"];

/** The name git has for what is checked out; else why there is none. */
const askGit = (dir: string): Promise<{ name: string } | { why: string }> =>
  new Promise((resolve) => {
    execFile("git", ["symbolic-ref", "--quiet", "--short", "HEAD"], { cwd: dir }, (error, stdout) => {
      if (error === null) return resolve({ name: stdout.trim() });
      if (error.code === "ENOENT") return resolve({ why: "there is no git here" });
      const isDetached = error.code === 1;
      resolve({
        why: isDetached ? "git has a commit checked out, not a branch" : `${dir} is in no git repository`,
      });
    });
  });

/**
 * The branch that the folder is on: what a build service says, else what git has checked out.
 * Errors: `CliError` (bad usage) when neither knows one.
 */
export const detectBranch = async (dir: string, env: Env = process.env): Promise<DetectedBranch> => {
  for (const from of variables) {
    const name = env[from];
    if (name) return { name, from };
  }
  const found = await askGit(dir);
  if ("name" in found) return { name: found.name, from: "git" };
  throw new CliError(`no branch of preview is named, and ${found.why}`, {
    next: "pass --branch <name>, or set LONGSHORE_PREVIEW_BRANCH",
    exitCode: exitCodes.badUsage,
  });
};
