import { access, readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { CliError } from "../cli-error.ts";
import { exitCodes } from "../exit-codes.ts";
import { findPackageManager, type PackageManager } from "./find-package-manager.ts";

export type Framework = "next" | "remix" | "nuxt" | "hono" | "express" | "plain";

const Manifest = z.looseObject({
  name: z.string().optional(),
  scripts: z.record(z.string(), z.string()).optional(),
  dependencies: z.record(z.string(), z.string()).optional(),
  devDependencies: z.record(z.string(), z.string()).optional(),
});

/** What a folder is, as far as `init` wants to know. `manifest` null: it has no package.json. */
export type DetectedProject = {
  manifest: z.infer<typeof Manifest> | null;
  packageManager: PackageManager;
  framework: Framework;
  isTypeScript: boolean;
  hasSrc: boolean;
};

const frameworks: readonly (readonly [Framework, readonly string[]])[] = [
  ["next", ["next"]],
  ["remix", ["@remix-run/react", "@remix-run/node", "@react-router/dev"]],
  ["nuxt", ["nuxt"]],
  ["hono", ["hono"]],
  ["express", ["express"]],
];

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

const readManifest = async (dir: string): Promise<DetectedProject["manifest"]> => {
  const file = path.join(dir, "package.json");
  const text = await readFile(file, "utf8").catch(() => null);
  if (text === null) return null;
  try {
    return Manifest.parse(JSON.parse(text));
  } catch (cause) {
    throw new CliError(`${file} is no package manifest`, {
      next: "repair it first",
      exitCode: exitCodes.badUsage,
      cause,
    });
  }
};

/** What a folder holds in which nobody has written code: what package managers put there, and what describes it. */
const noCode =
  /^(\..*|package\.json|package-lock\.json|[\w-]+-lock\.yaml|[\w-]+\.lockb?|node_modules|README.*|LICEN[CS]E.*)$/i;

const isBare = async (dir: string): Promise<boolean> =>
  (await readdir(dir)).every((name) => noCode.test(name));

/** Looks at a project's folder. Errors: `CliError` for a package.json that cannot be read. */
export const detectProject = async (dir: string): Promise<DetectedProject> => {
  const manifest = await readManifest(dir);
  const dependencies = { ...manifest?.dependencies, ...manifest?.devDependencies };
  const framework =
    frameworks.find(([, names]) => names.some((name) => name in dependencies))?.[0] ?? "plain";
  const isTypeScript = "typescript" in dependencies || (await exists(path.join(dir, "tsconfig.json")));
  return {
    manifest,
    packageManager: await findPackageManager(dir),
    framework,
    // A folder without code begins with TypeScript.
    isTypeScript: isTypeScript || manifest === null || framework === "nuxt" || (await isBare(dir)),
    hasSrc: await exists(path.join(dir, "src")),
  };
};
