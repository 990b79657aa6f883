import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";

const SYSTEM_FOLDERS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/**
 * The first of these programs that exists, as an absolute path.
 *
 * Looks in PATH and then, unless PATH was given, in the system folders a user's PATH often lacks (`/usr/sbin`).
 */
export function findBinary(names: readonly string[], path?: string): string | undefined {
  const folders = (path ?? process.env.PATH ?? "").split(delimiter).filter(Boolean);
  if (path === undefined) folders.push(...SYSTEM_FOLDERS);
  return names
    .flatMap((name) => (isAbsolute(name) ? [name] : folders.map((folder) => join(folder, name))))
    .find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
