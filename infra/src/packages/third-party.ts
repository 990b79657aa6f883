import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

const marker = `node_modules/`;

/** The folders of the installed packages that some files are of. */
export const packageFolders = (files: readonly string[]): string[] => {
  const found = new Set<string>();
  for (const file of files) {
    const at = file.lastIndexOf(marker);
    if (at < 0) continue;
    const [first = "", second = ""] = file.slice(at + marker.length).split("/");
    found.add(`${file.slice(0, at + marker.length)}${first.startsWith("@") ? `${first}/${second}` : first}`);
  }
  return [...found].sort();
};

/**
 * The licences of code that is built into a package, as their authors ask.
 *
 * Shape: one text; `""` when there is no such code. Errors: throws with the package's name when it brings neither a
 * licence file nor the name of one.
 */
export const licencesOf = async (root: string, files: readonly string[]): Promise<string> => {
  const parts = packageFolders(files).map(async (folder) => {
    const dir = join(root, folder);
    const { name, version, license } = JSON.parse(await readFile(join(dir, "package.json"), "utf8"));
    const file = (await readdir(dir)).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
    const text = file ? await readFile(join(dir, file), "utf8") : license;
    if (!text) throw new Error(`${name} is built in, and says no licence`);
    return `${name} ${version}\n\n${text.trim()}\n`;
  });
  return [...new Set(await Promise.all(parts))].join(`\n${"-".repeat(80)}\n\n`);
};
