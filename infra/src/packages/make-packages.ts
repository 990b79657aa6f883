import { mkdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { runCommand } from "../services/run-command.ts";
import { makeTempFolder } from "../services/temp-folder.ts";
import { layCliPackage } from "./cli-package.ts";
import { laySdkPackage } from "./sdk-package.ts";

/** A package as `npm publish` would send it. Units: bytes. */
export type MadePackage = { name: string; version: string; file: string; packed: number; unpacked: number };

const Packed = z
  .array(z.object({ name: z.string(), version: z.string(), filename: z.string(), unpackedSize: z.number() }))
  .length(1);
const packMsMax = 60_000;
/** npm as it comes with this Node, which need not be in PATH. */
const npm = join(dirname(process.execPath), "npm");

const pack = async (folder: string, into: string): Promise<MadePackage> => {
  const args = ["pack", "--json", "--ignore-scripts", "--pack-destination", into];
  const { code, output } = await runCommand(npm, args, { cwd: folder, timeoutMs: packMsMax });
  if (code !== 0) throw new Error(`npm pack failed:\n${output}`);
  const [{ name, version, filename, unpackedSize }] = Packed.parse(JSON.parse(output)) as [
    z.infer<typeof Packed>[number],
  ];
  const file = join(into, filename);
  return { name, version, file, packed: (await stat(file)).size, unpacked: unpackedSize };
};

/**
 * Makes the packages that users install, as archives: `@longshore/sdk` and `longshore`. The dashboard must have been
 * built.
 *
 * Cost: about 10 s. Errors: throws with what the compiler, esbuild or npm said.
 */
export const makePackages = async (root: string, into: string): Promise<MadePackage[]> => {
  const work = makeTempFolder("packages");
  try {
    const folders = { sdk: join(work.path, "sdk"), cli: join(work.path, "cli") };
    await mkdir(into, { recursive: true });
    await laySdkPackage(root, folders.sdk, join(work.path, "sdk-types"));
    await layCliPackage(root, folders.cli, join(work.path, "cli-types"));
    return [await pack(folders.sdk, into), await pack(folders.cli, into)];
  } finally {
    work.remove();
  }
};
