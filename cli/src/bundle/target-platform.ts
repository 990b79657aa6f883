import { CliError } from "../cli-error.ts";
import type { PackageJson } from "./package-of.ts";

/** What the code runs on, in Node's words. */
export type TargetPlatform = { os: string; cpu: string; libc: "glibc" | "musl" | null };

const isMusl = (): boolean => {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  return process.platform === "linux" && !report?.header?.glibcVersionRuntime;
};

/** This machine. */
export const hostPlatform = (): TargetPlatform => ({
  os: process.platform,
  cpu: process.arch,
  libc: process.platform !== "linux" ? null : isMusl() ? "musl" : "glibc",
});

/** Docker's names for processors, where they are others than Node's. */
const cpus: Record<string, string> = { amd64: "x64", x64: "x64", arm64: "arm64" };

/** Agents run Linux in containers of a Debian base; their processor is this machine's unless it is named. */
export const parsePlatform = (text: string | undefined): TargetPlatform => {
  if (text === undefined) return { os: "linux", cpu: process.arch, libc: "glibc" };
  const [os, cpu, libc = "glibc"] = text.split("/");
  const known = cpus[cpu ?? ""];
  if (os !== "linux" || !known || (libc !== "glibc" && libc !== "musl")) {
    throw new CliError(`unknown platform "${text}"`, {
      next: "use linux/amd64 or linux/arm64, with /musl for Alpine images",
      exitCode: 2,
    });
  }
  return { os, cpu: known, libc };
};

export const isSamePlatform = (a: TargetPlatform, b: TargetPlatform): boolean =>
  a.os === b.os && a.cpu === b.cpu && a.libc === b.libc;

/** Whether a `package.json`'s `os`, `cpu` or `libc` has this value. A `!` before a name forbids it. */
const allows = (list: string[] | undefined, value: string | null): boolean => {
  if (!list || list.length === 0 || value === null) return true;
  if (list.includes(`!${value}`)) return false;
  return list.includes(value) || list.every((one) => one.startsWith("!"));
};

export const fitsPlatform = ({ os, cpu, libc }: PackageJson, target: TargetPlatform): boolean =>
  allows(os, target.os) && allows(cpu, target.cpu) && allows(libc, target.libc);
