import { readdirSync } from "node:fs";
import path from "node:path";
import { type PackageJson, readPackageJson } from "./package-of.ts";

/** Packages that load a compiled module of whoever depends on them. */
const loaders = new Set([
  "bindings",
  "node-gyp-build",
  "node-pre-gyp",
  "@mapbox/node-pre-gyp",
  "prebuild-install",
  "node-addon-api",
]);
/** How packages name the parts that hold one platform's module. */
const platformName = /(linux|darwin|win32|freebsd|android)[-_.]?(gnu|musl|x64|ia32|arm64|arm|universal)/;
const besideCode = /\.(node|wasm)$/;
/** Folders are looked through this deep for files that the code finds by its own place. */
const depthMax = 3;

const holdsFileBesideCode = (dir: string, depth: number): boolean => {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (entry.isFile() && besideCode.test(entry.name)) return true;
    if (!entry.isDirectory() || entry.name === "node_modules" || depth >= depthMax) continue;
    if (holdsFileBesideCode(path.join(dir, entry.name), depth + 1)) return true;
  }
  return false;
};

const saysSo = (json: PackageJson): boolean =>
  json.gypfile === true ||
  json.binary !== undefined ||
  json.napi !== undefined ||
  Object.keys(json.dependencies ?? {}).some((name) => loaders.has(name)) ||
  Object.keys(json.optionalDependencies ?? {}).some((name) => platformName.test(name));

/**
 * Whether a package cannot be part of a bundle: it has a compiled module or a WebAssembly file, which its code finds by
 * where it lies itself.
 */
export const isNativePackage = (dir: string): boolean => {
  const json = readPackageJson(dir);
  return json !== undefined && (saysSo(json) || holdsFileBesideCode(dir, 0));
};
