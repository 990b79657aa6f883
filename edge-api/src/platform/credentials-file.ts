import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

const Credentials = z.object({ secret: z.string(), apiKeys: z.record(z.string(), z.string()) });

/**
 * What the embedded server must remember between starts and the database must not know: its signing secret, and the
 * keys it made, by environment. For the owner of the folder only.
 */
export type Credentials = z.infer<typeof Credentials>;

const pathOf = (dataDir: string) => join(dataDir, "credentials.json");

/** Reads the file; makes a new secret when there is none. Errors: a file that is not readable as such. */
export const loadCredentials = async (dataDir: string): Promise<Credentials> => {
  const text = await readFile(pathOf(dataDir), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (text !== null) return Credentials.parse(JSON.parse(text));
  const fresh = { secret: randomBytes(32).toString("hex"), apiKeys: {} };
  await saveCredentials(dataDir, fresh);
  return fresh;
};

/** Writes the file whole, readable by its owner alone. */
export const saveCredentials = async (dataDir: string, credentials: Credentials): Promise<void> => {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const temporary = `${pathOf(dataDir)}.part`;
  await writeFile(temporary, JSON.stringify(credentials, null, 2), { mode: 0o600 });
  await rename(temporary, pathOf(dataDir));
};
