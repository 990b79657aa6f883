import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, "infra/dist/worker");

/** What wrangler.toml says of the runtime, so that a local Worker runs as the deployed one does. */
export interface WorkerSettings {
  compatibilityDate: string;
  compatibilityFlags: string[];
}

/**
 * Bundles the API's Worker as wrangler does: one ES module, Node's built-ins left to workerd.
 *
 * Shape: the path of a file named by its content, so that the same code is written once.
 */
export async function bundleWorker(): Promise<string> {
  const result = await build({
    entryPoints: [join(root, "edge-api/src/platform/worker.ts")],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    platform: "browser",
    conditions: ["workerd", "worker", "browser"],
    external: ["node:*", "cloudflare:*"],
    logLevel: "silent",
  });
  const code = result.outputFiles[0]?.contents;
  if (!code) throw new Error("esbuild made no bundle of the Worker");
  const path = join(folder, `${createHash("sha256").update(code).digest("hex").slice(0, 16)}.mjs`);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  const temporary = `${path}.${process.pid}.part`;
  writeFileSync(temporary, code);
  renameSync(temporary, path);
  return path;
}

/** Reads the date and the flags from wrangler.toml. Errors: one that is not there. */
export function readWorkerSettings(): WorkerSettings {
  const text = readFileSync(join(root, "wrangler.toml"), "utf8");
  const date = /^compatibility_date\s*=\s*"([^"]+)"/m.exec(text)?.[1];
  const flags = /^compatibility_flags\s*=\s*\[([^\]]*)\]/m.exec(text)?.[1];
  if (date === undefined || flags === undefined)
    throw new Error("wrangler.toml names no compatibility_date or no compatibility_flags");
  return {
    compatibilityDate: date,
    compatibilityFlags: [...flags.matchAll(/"([^"]+)"/g)].map(([, flag]) => flag ?? ""),
  };
}
