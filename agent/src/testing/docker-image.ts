import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Whether an engine answers, so that tests without one are skipped. */
export const hasDocker = async (): Promise<boolean> =>
  run("docker", ["version", "--format", "{{.Server.APIVersion}}"], { timeout: 10_000 }).then(
    () => true,
    () => false,
  );

/**
 * An image that runners can run in: the one a variable names, or one made of this machine's Node and the libraries it
 * needs, so that no registry is involved. Cost: about 2 s the first time.
 */
export const testRunnerImage = async (): Promise<string> => {
  const given = process.env.LONGSHORE_TEST_RUNNER_IMAGE;
  if (given) return given;
  const tag = createHash("sha256")
    .update(await readFile(process.execPath))
    .digest("hex")
    .slice(0, 12);
  const image = `longshore-test-node:${tag}`;
  const present = await run("docker", ["image", "inspect", image]).catch(() => null);
  if (present) return image;
  const root = await mkdtemp(join(tmpdir(), "longshore-image-"));
  try {
    const { stdout } = await run("ldd", [process.execPath]);
    const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map((found) => found[1] as string);
    for (const file of libraries) {
      await mkdir(join(root, dirname(file)), { recursive: true });
      await copyFile(file, join(root, file));
    }
    await mkdir(join(root, "usr/local/bin"), { recursive: true });
    await copyFile(process.execPath, join(root, "usr/local/bin/node"));
    for (const folder of ["tmp", "etc", "dev", "proc", "sys"])
      await mkdir(join(root, folder), { recursive: true });
    await writeFile(join(root, "etc/passwd"), "root:x:0:0::/:/none\nnode:x:1000:1000::/tmp:/none\n");
    await run("sh", ["-c", 'tar -C "$1" -c . | docker import - "$2"', "sh", root, image], {
      timeout: 120_000,
    });
    return image;
  } finally {
    await rm(root, { recursive: true, force: true });
  }
};
