import {
  createWriteStream,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { pack } from "tar-stream";
import { listNodeFiles } from "../../src/images/list-node-files.ts";
import { runCommand } from "../../src/services/run-command.ts";

/** This machine's Python, as Debian installs it. */
export const systemPython = existsSync("/usr/bin/python3") ? "/usr/bin/python3" : undefined;

const must = async (command: string, args: string[], env: NodeJS.ProcessEnv): Promise<string> => {
  const { code, output } = await runCommand(command, args, { env, timeoutMs: 120_000 });
  if (code !== 0) throw new Error(`${command} ${args[0]} failed:\n${output}`);
  return output;
};

/**
 * An image that has Debian's Python and what tells so (`dpkg`), made of this machine's files on a runner's image: what a
 * base with a distribution looks like to `deploy --image`, without a registry or a network.
 */
export const makePythonBase = async (
  base: string,
  image: string,
  folder: string,
  env: NodeJS.ProcessEnv,
): Promise<void> => {
  const context = join(folder, "python-base");
  mkdirSync(context, { recursive: true });
  const tar = pack();
  const written = pipeline(tar, createWriteStream(join(context, "programs.tar")));
  const put = (name: string, from: string, mode: number) =>
    new Promise<void>((resolve, reject) => {
      tar.entry({ name, mode }, readFileSync(from), (error) => (error ? reject(error) : resolve()));
    });
  const there = new Set<string>();
  for (const program of ["/usr/bin/python3", "/bin/sh", "/usr/bin/dpkg", "/usr/bin/dpkg-query"]) {
    await put(program.slice(1), realpathSync(program), 0o755);
    const [, ...libraries] = await listNodeFiles(program);
    for (const { from, to, mode } of libraries) {
      if (there.has(to)) continue;
      there.add(to);
      await put(to, from, mode);
    }
  }
  await put("var/lib/dpkg/status", "/var/lib/dpkg/status", 0o644);
  tar.finalize();
  await written;
  const version = (
    await must("/usr/bin/python3", ["-c", "import sys; print('python%d.%d' % sys.version_info[:2])"], env)
  ).trim();
  await must(
    "tar",
    [
      "-C",
      "/",
      "-chf",
      join(context, "library.tar"),
      "--exclude=__pycache__",
      "--exclude=test",
      "--exclude=dist-packages",
      `usr/lib/${version}`,
    ],
    env,
  );
  const lines = [
    `FROM ${base}`,
    "USER root",
    "ADD programs.tar /",
    "ADD library.tar /",
    "ENV PATH=/usr/local/bin:/usr/bin:/bin",
  ];
  writeFileSync(join(context, "Dockerfile"), `${lines.join("\n")}\n`);
  await must("docker", ["build", "-t", image, context], env);
  rmSync(context, { recursive: true, force: true });
};
