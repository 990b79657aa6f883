import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { type Archive, type ArchiveFile, archiveFiles, hashOfBytes } from "./archive.ts";
import type { Externals } from "./externals-plugin.ts";
import { type Versions, withInstalledPackages } from "./install-packages.ts";
import { layOutPackages, type PlacedPackage } from "./package-layout.ts";
import { findPackage, readPackageJson } from "./package-of.ts";
import { hostPlatform, isSamePlatform, type TargetPlatform } from "./target-platform.ts";

/** Packages change rarely and are large: less effort than for code, and next to none for what stays on this machine. */
const gzipLevels = { deploy: 6, dev: 1 };

type Found = { name: string; file: string; size: number; mtimeMs: number; isExecutable: boolean };

const filesOf = async ({ place, dir }: PlacedPackage): Promise<Found[]> => {
  const found: Found[] = [];
  const walk = async (at: string, name: string): Promise<void> => {
    for (const entry of await readdir(at, { withFileTypes: true })) {
      if (entry.name === "node_modules" || entry.name === ".git") continue;
      const file = path.join(at, entry.name);
      // A link is followed: archives hold files only.
      const info = await stat(file).catch(() => null);
      if (info?.isDirectory()) await walk(file, `${name}/${entry.name}`);
      if (!info?.isFile()) continue;
      const { size, mtimeMs, mode } = info;
      found.push({ name: `${name}/${entry.name}`, file, size, mtimeMs, isExecutable: (mode & 0o111) !== 0 });
    }
  };
  await walk(dir, place);
  return found;
};

const listFiles = async (packages: PlacedPackage[]): Promise<Found[]> =>
  (await Promise.all(packages.map(filesOf))).flat().sort((a, b) => (a.name < b.name ? -1 : 1));

const stampOf = (files: Found[]): string => {
  const hash = createHash("sha256");
  for (const { name, size, mtimeMs, isExecutable } of files) {
    hash.update(`${name}\0${size}\0${mtimeMs}\0${isExecutable}\n`);
  }
  return hash.digest("hex").slice(0, 32);
};

const pack = async (files: Found[], level: number): Promise<Archive> => {
  const read: ArchiveFile[] = [];
  for (const { name, file, isExecutable } of files) {
    read.push({ name, content: await readFile(file), isExecutable });
  }
  return archiveFiles(read, level);
};

/** Packs what has not changed since last time only once: `cacheDir` keeps the archives by what the files looked like. */
const packCached = async (files: Found[], cacheDir: string, level: number): Promise<Archive> => {
  const file = path.join(cacheDir, `${stampOf(files)}-${level}.tar.gz`);
  if (existsSync(file)) {
    const bytes = new Uint8Array(await readFile(file));
    return { bytes, hash: hashOfBytes(bytes) };
  }
  const archive = await pack(files, level);
  await mkdir(cacheDir, { recursive: true });
  await writeFile(`${file}.${process.pid}`, archive.bytes);
  await rename(`${file}.${process.pid}`, file);
  return archive;
};

const versionIn = (dir: string): string | undefined => readPackageJson(dir)?.version;

/** Where the project has its packages, those of extensions included; a package that is nowhere has no folder. */
const rootsOf = (externals: Externals, extra: Versions, projectDir: string) => {
  const roots = new Map<string, string | null>(externals);
  for (const name of Object.keys(extra)) if (!roots.get(name)) roots.set(name, findPackage(name, projectDir));
  return roots;
};

/** Whether the package needs a compiler or a download when it is installed, and has not had it. */
const isUncompiled = (files: Found[], place: string): boolean => {
  const own = files.filter(({ name }) => name.startsWith(`${place}/`));
  const rest = own.map(({ name }) => name.slice(place.length + 1));
  return rest.includes("binding.gyp") && !rest.some((name) => name.endsWith(".node"));
};

/** The layer, and what is worth knowing about it, a line each. */
export type DependencyLayer = { archive: Archive | null; warnings: string[] };

/** What the layer is made of. */
export type LayerWish = {
  projectDir: string;
  /** Files of the project and of its workspace that the bundle holds. */
  sources: readonly string[];
  externals: Externals;
  /** Packages that extensions ask for, by version. */
  extra: Versions;
  platform: TargetPlatform;
  /** The archive of last time is taken when nothing has changed. */
  cacheDir: string;
  target: "dev" | "deploy";
};

type Root = { name: string; dir: string };

/** A folder and all above it. */
const upFrom = (dir: string): string[] =>
  path.dirname(dir) === dir ? [dir] : [dir, ...upFrom(path.dirname(dir))];

/**
 * Packages that the project, its workspace, or a package of it whose code is in the bundle depends on, not for its
 * development alone.
 */
const chosenBy = ({
  projectDir,
  sources,
}: Pick<LayerWish, "projectDir" | "sources">): ReadonlySet<string> => {
  const files = sources.map((source) => path.dirname(path.resolve(projectDir, source)));
  const dirs = new Set([projectDir, ...files].flatMap(upFrom));
  const chosen = [...dirs].flatMap((dir) => {
    const { dependencies = {}, optionalDependencies = {} } = readPackageJson(dir) ?? {};
    return [...Object.keys(dependencies), ...Object.keys(optionalDependencies)];
  });
  return new Set(chosen);
};

const packRoots = async (
  roots: Root[],
  { projectDir, sources, platform, cacheDir, target }: LayerWish,
): Promise<DependencyLayer> => {
  if (roots.length === 0) return { archive: null, warnings: [] };
  const { packages, missing } = layOutPackages(roots, platform, chosenBy({ projectDir, sources }));
  const files = await listFiles(packages);
  const uncompiled = packages.filter(({ place }) => isUncompiled(files, place));
  const warnings = [
    ...uncompiled.map(
      ({ place }) =>
        `${place.slice("node_modules/".length)} is compiled when it is installed, and is not for ${platform.os}/${platform.cpu} here: deploy from such a machine`,
    ),
    ...missing.map((one) => `${one}, which is not installed`),
  ];
  return { archive: await packCached(files, cacheDir, gzipLevels[target]), warnings };
};

const rootsIn = (names: string[], dir: string): Root[] =>
  names.flatMap((name) => {
    const at = findPackage(name, dir);
    return at === null ? [] : [{ name, dir: at }];
  });

/** Every version that the roots have installed here, by name. */
const pinsOf = (roots: Root[], wish: LayerWish): Versions =>
  Object.fromEntries(
    layOutPackages(roots, hostPlatform(), chosenBy(wish)).packages.flatMap(({ dir }) => {
      const json = readPackageJson(dir);
      return json?.name && json.version ? [[json.name, json.version]] : [];
    }),
  );

/**
 * Packs the packages that stay outside the bundle, with everything they depend on, for the platform of the agents: from
 * the project's own `node_modules` when this machine is of that platform, else installed anew by its lockfile.
 *
 * Errors: CliError when packages cannot be installed.
 */
export const buildDependencyLayer = async (wish: LayerWish): Promise<DependencyLayer> => {
  const { projectDir, platform, extra } = wish;
  const roots = [...rootsOf(wish.externals, extra, projectDir)];
  const here = roots.flatMap(([name, dir]) => (dir === null ? [] : [{ name, dir }]));
  const absent = roots.flatMap(([name, dir]) => (dir === null ? [name] : []));
  const lost = absent.filter((name) => extra[name] === undefined);
  const toInstall = Object.fromEntries(
    absent.flatMap((name) => (extra[name] === undefined ? [] : [[name, extra[name]]])),
  );
  const base = { projectDir, platform, pins: pinsOf(here, wish) };

  const withExtra = (found: Root[]): Promise<DependencyLayer> => {
    const names = Object.keys(toInstall);
    if (names.length === 0) return packRoots(found, wish);
    return withInstalledPackages({ ...base, versions: toInstall, isLocked: false }, (dir) =>
      packRoots([...found, ...rootsIn(names, dir)], wish),
    );
  };
  const versions = Object.fromEntries(here.map(({ name, dir }) => [name, versionIn(dir) ?? "*"]));
  const isHere = isSamePlatform(platform, hostPlatform()) || here.length === 0;
  const { archive, warnings } = isHere
    ? await withExtra(here)
    : await withInstalledPackages({ ...base, versions, isLocked: true }, (dir) =>
        withExtra(rootsIn(Object.keys(versions), dir)),
      );
  const said = lost.map(
    (name) => `"${name}" is external and not installed here: the agents' image must have it`,
  );
  return { archive, warnings: [...said, ...warnings] };
};
