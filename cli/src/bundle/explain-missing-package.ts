import { findPackageManager, type PackageManager } from "../init/find-package-manager.ts";
import type { Problem } from "./bundle-error.ts";
import { findPackage, packageNameOf } from "./package-of.ts";

const installs: Record<PackageManager, string> = {
  npm: "npm install",
  pnpm: "pnpm add",
  yarn: "yarn add",
  bun: "bun add",
};

/** A package that is there but does not export what is asked for needs no installing. */
const missingPackages = (dir: string, problems: readonly Problem[]): string[] => {
  const names = problems.flatMap(({ text }) => {
    const specifier = /^Could not resolve "([^"]+)"/.exec(text)?.[1];
    const name = specifier === undefined ? null : packageNameOf(specifier);
    // `~/lib` and the like are aliases of the project's own.
    if (name === null || name.startsWith("~") || findPackage(name, dir) !== null) return [];
    return [name];
  });
  return [...new Set(names)];
};

/**
 * How to get the packages that a build did not find, in words of the project's package manager.
 * Shape: undefined when none is missing.
 */
export const explainMissingPackage = async (
  dir: string,
  problems: readonly Problem[],
): Promise<string | undefined> => {
  const names = missingPackages(dir, problems);
  if (names.length === 0) return undefined;
  return `${installs[await findPackageManager(dir)]} ${names.join(" ")}`;
};
