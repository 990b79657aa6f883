import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { CliError } from "../cli-error.ts";
import { hostPlatform, isSamePlatform, type TargetPlatform } from "./target-platform.ts";

const run = promisify(execFile);

/** Units: milliseconds. */
const installMsMax = 10 * 60_000;

/** Packages by name, with the version to install. */
export type Versions = Record<string, string>;

type Manager = { lockfile: string; files: string[]; command: string; args: string[] };

/** Package managers whose lockfile can be installed for another platform. */
const managers: Manager[] = [
  {
    lockfile: "package-lock.json",
    files: ["package-lock.json", "npm-shrinkwrap.json"],
    command: "npm",
    args: ["ci", "--no-audit", "--no-fund"],
  },
  {
    lockfile: "pnpm-lock.yaml",
    files: ["pnpm-lock.yaml", "pnpm-workspace.yaml"],
    command: "pnpm",
    args: ["install", "--frozen-lockfile", "--ignore-workspace"],
  },
  {
    lockfile: "bun.lock",
    files: ["bun.lock", "bunfig.toml"],
    command: "bun",
    args: ["install", "--frozen-lockfile"],
  },
];

const platformArgs = ({ os, cpu, libc }: TargetPlatform, command: string): string[] => [
  `--os=${os}`,
  `--cpu=${cpu}`,
  ...(libc === null || command === "bun" ? [] : [`--libc=${libc}`]),
  // What another platform would execute does not run here.
  "--ignore-scripts",
];

const lastLines = (text: string): string =>
  text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .slice(-5)
    .join("\n");

const install = async (command: string, args: string[], cwd: string): Promise<void> => {
  try {
    await run(command, args, { cwd, timeout: installMsMax, maxBuffer: 64 * 1024 * 1024 });
  } catch (error) {
    const { code, stderr = "", stdout = "" } = error as { code?: unknown; stderr?: string; stdout?: string };
    if (code === "ENOENT") {
      throw new CliError(`the packages cannot be installed: ${command} is not on this machine`, {
        next: `install ${command}, or build on a machine like the agents'`,
      });
    }
    throw new CliError(`the packages cannot be installed: ${command} ${args.join(" ")} failed`, {
      next: lastLines(stderr || stdout) || `try it in the project's folder`,
      cause: error,
    });
  }
};

/** Which packages to install, for which platform. */
export type InstallWish = {
  projectDir: string;
  versions: Versions;
  /** Every version that the project has installed; where npm resolves anew it keeps to these. */
  pins: Versions;
  platform: TargetPlatform;
};

const installLocked = async (manager: Manager, wish: InstallWish, dir: string): Promise<void> => {
  for (const file of ["package.json", ".npmrc", ...manager.files]) {
    const from = path.join(wish.projectDir, file);
    if (existsSync(from)) await copyFile(from, path.join(dir, file));
  }
  await install(manager.command, [...manager.args, ...platformArgs(wish.platform, manager.command)], dir);
};

/** Without a lockfile of the project's own folder (a workspace, Yarn): the installed versions, by npm. */
const installPinned = async (wish: InstallWish, dir: string): Promise<void> => {
  const { versions, pins, platform } = wish;
  const others = Object.entries(pins).filter(([name]) => versions[name] === undefined);
  await writeFile(
    path.join(dir, "package.json"),
    JSON.stringify({ private: true, dependencies: versions, overrides: Object.fromEntries(others) }),
  );
  const npmrc = path.join(wish.projectDir, ".npmrc");
  if (existsSync(npmrc)) await copyFile(npmrc, path.join(dir, ".npmrc"));
  const elsewhere = isSamePlatform(platform, hostPlatform()) ? [] : platformArgs(platform, "npm");
  await install("npm", ["install", "--no-audit", "--no-fund", "--no-package-lock", ...elsewhere], dir);
};

/**
 * Installs packages in a folder of their own, for the platform that is named, and hands the folder to `use`.
 *
 * `isLocked`: by the project's lockfile, when its package manager can; else the versions that are named.
 * Errors: CliError with the last lines of the package manager.
 */
export const withInstalledPackages = async <T>(
  wish: InstallWish & { isLocked: boolean },
  use: (dir: string) => Promise<T>,
): Promise<T> => {
  const dir = await realpath(await mkdtemp(path.join(tmpdir(), "longshore-install-")));
  try {
    const manager = managers.find(({ lockfile }) => existsSync(path.join(wish.projectDir, lockfile)));
    if (wish.isLocked && manager) await installLocked(manager, wish, dir);
    else await installPinned(wish, dir);
    return await use(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
};
