import { chmodSync, cpSync, mkdirSync, readdirSync, realpathSync } from "node:fs";
import { basename, join } from "node:path";
import { findBinary } from "../services/find-binary.ts";
import { runCommand } from "../services/run-command.ts";
import { parseLdd } from "./list-node-files.ts";

/** Where distributions keep the matches and targets of iptables, beside the libraries of the machine. */
const extensionFolders = ["xtables", "x86_64-linux-gnu/xtables", "aarch64-linux-gnu/xtables"];

/**
 * Copies this machine's iptables with its loader, libraries and extensions, so that it runs in any image.
 *
 * Shape: `loader`, `xtables-multi`, `lib/`, `xtables/` in `into`. Errors: throws where there is no iptables, or it is not
 * dynamically linked as everywhere.
 */
export async function copyIptables(into: string): Promise<void> {
  const binary = findBinary(["iptables"]);
  if (!binary) throw new Error("the image of the firewall needs iptables here: install it");
  const multi = realpathSync(binary);
  const { code, output } = await runCommand("ldd", [multi]);
  const libraries = code === 0 ? parseLdd(output) : [];
  const loader = libraries.find((file) => /^ld-/.test(basename(file)));
  const extensions = extensionFolders
    .flatMap((folder) => [`/usr/lib/${folder}`, `/usr/lib64/${folder}`])
    .find((folder) => listOrNone(folder).length > 0);
  if (!loader || !extensions) throw new Error(`${multi} is not the iptables that was looked for`);
  mkdirSync(join(into, "lib"), { recursive: true });
  mkdirSync(join(into, "xtables"));
  const copy = (from: string, to: string, mode: number): void => {
    cpSync(realpathSync(from), join(into, to));
    chmodSync(join(into, to), mode);
  };
  copy(loader, "loader", 0o755);
  copy(multi, "xtables-multi", 0o755);
  for (const file of libraries) if (file !== loader) copy(file, `lib/${basename(file)}`, 0o644);
  for (const name of listOrNone(extensions))
    if (/^lib(xt|ipt|ip6t)_\w+\.so$/.test(name)) copy(join(extensions, name), `xtables/${name}`, 0o644);
}

function listOrNone(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
