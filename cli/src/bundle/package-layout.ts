import path from "node:path";
import { findPackage, type PackageJson, readPackageJson } from "./package-of.ts";
import { fitsPlatform, type TargetPlatform } from "./target-platform.ts";

/** Where a package lies in an archive (`node_modules/…`), and where its files are now. */
export type PlacedPackage = { place: string; dir: string };

/** What packages need without saying so. */
const unsaid: Record<string, string[]> = { "@prisma/client": [".prisma/client"] };

type Wanted = { name: string; isOptional: boolean };

const dependenciesOf = (json: PackageJson, chosen: ReadonlySet<string>): Wanted[] => {
  const optional = Object.keys(json.optionalDependencies ?? {});
  const required = Object.keys(json.dependencies ?? {}).filter((name) => !optional.includes(name));
  // A peer that is installed is used; whether it must be is for the package manager to say. One that is optional is used by
  // projects that chose it: Prisma's client has its CLI and the compiler beside it wherever they are installed.
  const peers = Object.keys(json.peerDependencies ?? {}).filter(
    (name) => !json.peerDependenciesMeta?.[name]?.optional || chosen.has(name),
  );
  const loose = [...optional, ...peers, ...(unsaid[json.name ?? ""] ?? [])];
  return [
    ...required.map((name) => ({ name, isOptional: false })),
    ...loose.map((name) => ({ name, isOptional: true })),
  ];
};

/**
 * Lays packages and all that they depend on out as `node_modules` folders without links: each as near to the root as
 * Node's look-up allows, a second version of one below the package that needs it.
 *
 * Shape: `chosen` has the packages that the project itself depends on, not for development.
 * Errors: none; what is missing is named in `missing`.
 */
export const layOutPackages = (
  roots: readonly { name: string; dir: string }[],
  platform: TargetPlatform,
  chosen: ReadonlySet<string>,
): { packages: PlacedPackage[]; missing: string[] } => {
  const placed = new Map<string, string>();
  const missing: string[] = [];
  const queue: PlacedPackage[] = [];
  const put = (place: string, dir: string): void => {
    placed.set(place, dir);
    queue.push({ place, dir });
  };
  /** What Node would find for code at `from`: place → folder. */
  const lookUp = (name: string, from: string): string | undefined => {
    for (let at = from; ; at = path.posix.dirname(at)) {
      const found = placed.get(path.posix.join(at === "." ? "" : at, "node_modules", name));
      if (found !== undefined || at === ".") return found;
    }
  };
  for (const { name, dir } of roots)
    if (!placed.has(`node_modules/${name}`)) put(`node_modules/${name}`, dir);
  for (let next = queue.shift(); next; next = queue.shift()) {
    const json = readPackageJson(next.dir) ?? {};
    for (const { name, isOptional } of dependenciesOf(json, chosen)) {
      const dir = findPackage(name, next.dir);
      if (dir === null) {
        if (!isOptional) missing.push(`${json.name ?? next.place} needs ${name}`);
        continue;
      }
      if (isOptional && !fitsPlatform(readPackageJson(dir) ?? {}, platform)) continue;
      const present = lookUp(name, next.place);
      if (present === dir) continue;
      put(present === undefined ? `node_modules/${name}` : `${next.place}/node_modules/${name}`, dir);
    }
  }
  const packages = [...placed].map(([place, dir]) => ({ place, dir }));
  return { packages, missing };
};
