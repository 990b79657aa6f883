import { findPackage, packageNameOf, readPackageJson } from "../bundle/package-of.ts";
import type { BuildExtension } from "./build-extension.ts";

const parse = (wish: string): { name: string; version: string | undefined } => {
  const name = packageNameOf(wish.replace(/(?<=.)@[^/]*$/, ""));
  if (name === null) throw new Error(`"${wish}" is not the name of a package`);
  const version = wish.slice(name.length + 1);
  return { name, version: version === "" ? undefined : version };
};

/**
 * Puts packages beside the code that it does not import by name: `additionalPackages({ packages: ["wrangler@4"] })`.
 * Without a version the project's own is taken.
 */
export const additionalPackages = (options: { packages: string[] }): BuildExtension => ({
  name: "additionalPackages",
  onBuildStart(context) {
    const wanted = options.packages.map((wish) => {
      const { name, version } = parse(wish);
      const dir = findPackage(name, context.workingDir);
      const installed = dir === null ? undefined : readPackageJson(dir)?.version;
      return [name, version ?? installed ?? "latest"] as const;
    });
    context.addLayer({ id: "additionalPackages", dependencies: Object.fromEntries(wanted) });
  },
});
