import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { buildRunner, runnerFiles } from "@longshore/agent/build-runner";
import type Docker from "dockerode";
import { build } from "esbuild";
import { pack } from "tar-stream";
import { copyIptables } from "./copy-iptables.ts";
import { withoutUnused } from "./without-unused.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const images = join(root, "infra/images");
const out = join(root, "infra/dist/images");

/** The images of `docker-compose.agent.yml`, as they are called on this machine. */
export const agentImages = {
  agent: "longshore-agent:local",
  gate: "longshore-docker-gate:local",
  egress: "longshore-egress:local",
};

const bundle = (entryPoints: Record<string, string>, outdir: string) =>
  build({
    entryPoints,
    outdir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    legalComments: "none",
    minifySyntax: true,
    external: ["esbuild"],
    plugins: [withoutUnused],
    // CommonJS packages ask for Node's own modules with require.
    banner: {
      js: 'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);',
    },
    logLevel: "error",
  });

/**
 * Bundles what the three images hold.
 *
 * Shape: `agent/bin/{entry,agent,health}.mjs`, `agent/dist/<runnerFiles>` (where the agent looks for its runner),
 * `docker-gate/main.mjs`, and `egress/` as the root of its image, in the answered folder. Cost: under a second.
 */
export const bundleAgent = async (): Promise<string> => {
  const runner = await buildRunner();
  await rm(out, { recursive: true, force: true });
  await mkdir(join(out, "agent/dist"), { recursive: true });
  await bundle(
    {
      agent: join(root, "agent/src/main.ts"),
      entry: join(images, "agent/entry.ts"),
      health: join(images, "agent/health.ts"),
    },
    join(out, "agent/bin"),
  );
  await bundle({ main: join(images, "docker-gate/main.ts") }, join(out, "docker-gate"));
  await bundle({ main: join(images, "egress/main.ts") }, join(out, "egress/app"));
  await copyIptables(join(out, "egress/opt/iptables"));
  for (const file of runnerFiles) await cp(join(runner, file), join(out, "agent/dist", file));
  // There are no sources beside it that could be newer.
  await writeFile(join(out, "agent/dist/runner.stamp.json"), JSON.stringify({ inputs: {} }));
  return out;
};

/** The build context as `.dockerignore` leaves it: the Dockerfile and the bundles. */
const packContext = async (dockerfile: string): Promise<Readable> => {
  const tar = pack();
  tar.entry({ name: "Dockerfile", mode: 0o644 }, await readFile(join(images, dockerfile)));
  for (const entry of await readdir(out, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const { mode } = await stat(path);
    tar.entry({ name: relative(root, path), mode: mode & 0o111 ? 0o755 : 0o644 }, await readFile(path));
  }
  tar.finalize();
  return Readable.from(tar);
};

const buildImage = async (docker: Docker, dockerfile: string, tag: string, base: string): Promise<void> => {
  const answer = await docker.buildImage(await packContext(dockerfile), {
    t: tag,
    buildargs: { BASE: base },
  });
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(answer, (error, lines: { error?: string }[] | null) => {
      const failed = error?.message ?? lines?.find((line) => line.error)?.error;
      if (failed) reject(new Error(`${tag} could not be built: ${failed}`));
      else resolve();
    });
  });
};

/**
 * Makes the images of `docker-compose.agent.yml` on `base`, which the engine must have or be able to pull.
 *
 * Errors: throws with the engine's words. Cost: some seconds; under one when nothing has changed.
 */
export const buildAgentImages = async (docker: Docker, base: string): Promise<typeof agentImages> => {
  await bundleAgent();
  await buildImage(docker, "agent.Dockerfile", agentImages.agent, base);
  await buildImage(docker, "docker-gate/Dockerfile", agentImages.gate, base);
  await buildImage(docker, "egress/Dockerfile", agentImages.egress, base);
  return agentImages;
};
