import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { z } from "zod";
import { CliError } from "../cli-error.ts";

const Profile = z.object({
  apiUrl: z.string(),
  accessToken: z.string(),
  email: z.string().optional(),
  expiresAt: z.string().optional(),
});
/** How to reach one instance, and as whom. */
export type Profile = z.infer<typeof Profile>;

const Profiles = z.object({ current: z.string().nullable(), profiles: z.record(z.string(), Profile) });
/** Every login of this user on this machine; `current` is used when none is named. */
export type Profiles = z.infer<typeof Profiles>;

type Env = Record<string, string | undefined>;

/** Name of the profile that a login makes when none is named. */
export const defaultProfile = "default";

/** Where logins are kept. Source: the XDG base directory specification. */
export const profilesFile = (env: Env = process.env): string =>
  path.join(env.XDG_CONFIG_HOME || path.join(homedir(), ".config"), "longshore", "profiles.json");

/** Reads them; none when there is no file. Errors: `CliError` for a file that is not ours. */
export const readProfiles = async (env: Env = process.env): Promise<Profiles> => {
  const file = profilesFile(env);
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return null;
    throw new CliError(`${file} cannot be read (${error.code})`, { cause: error });
  });
  if (text === null) return { current: null, profiles: {} };
  try {
    return Profiles.parse(JSON.parse(text));
  } catch (cause) {
    throw new CliError(`${file} is damaged`, { next: "delete it and sign in again: longshore login", cause });
  }
};

/** Writes them whole, for this user alone: a reader sees the old file or the new one. */
export const writeProfiles = async (profiles: Profiles, env: Env = process.env): Promise<void> => {
  const file = profilesFile(env);
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${process.pid}.part`;
  try {
    await writeFile(temporary, `${JSON.stringify(profiles, null, 2)}\n`, { mode: 0o600 });
    await rename(temporary, file);
  } catch (cause) {
    await rm(temporary, { force: true });
    const code = (cause as NodeJS.ErrnoException).code;
    throw new CliError(`${file} cannot be written (${code})`, { cause });
  }
};

/** Keeps a login under a name, and uses it from now on. */
export const saveProfile = async (name: string, profile: Profile, env: Env = process.env): Promise<void> => {
  const { profiles } = await readProfiles(env);
  await writeProfiles({ current: name, profiles: { ...profiles, [name]: profile } }, env);
};

/** Forgets a login. Another one becomes current only when somebody says so. */
export const removeProfile = async (name: string, env: Env = process.env): Promise<void> => {
  const { current, profiles } = await readProfiles(env);
  const { [name]: _, ...rest } = profiles;
  await writeProfiles({ current: current === name ? null : current, profiles: rest }, env);
};
