import { CliError } from "../cli-error.ts";
import { exitCodes } from "../exit-codes.ts";
import { namedApiUrl } from "./named-api-url.ts";
import { type Profile, readProfiles } from "./profile-store.ts";

type Env = Record<string, string | undefined>;

/** A person's way to an instance. `name` null: the token is of the environment, not of a profile. */
export type Login = { name: string | null; apiUrl: string; accessToken: string };

export type LoginOptions = { profile?: string; apiUrl?: string };

/** Whether it is a person's token. */
export const isPersonalToken = (token: string | undefined): token is string =>
  token?.startsWith("tr_pat_") === true;

/** Addresses are the same with and without a slash at their end. */
export const trimUrl = (url: string): string => url.replace(/\/+$/, "");

const toLogin = (name: string, { apiUrl, accessToken }: Profile): Login => ({ name, apiUrl, accessToken });

const unknown = (name: string, names: string[]) =>
  new CliError(`there is no profile "${name}"`, {
    next:
      names.length === 0
        ? `longshore login --profile ${name} --api-url <url>`
        : `use one of ${names.join(", ")}, or make it: longshore login --profile ${name} --api-url <url>`,
    exitCode: exitCodes.notAllowed,
  });

/**
 * The login that a command uses: the profile that is named (`--profile`, LONGSHORE_PROFILE), else LONGSHORE_ACCESS_TOKEN,
 * else a profile of the address that is named, else the current profile.
 *
 * Shape: null when nobody is signed in there. Errors: `CliError` for a profile that does not exist, or an address that is none.
 */
export const findLogin = async (options: LoginOptions, env: Env = process.env): Promise<Login | null> => {
  const { current, profiles } = await readProfiles(env);
  const apiUrl = namedApiUrl(options.apiUrl, env);
  const named = options.profile || env.LONGSHORE_PROFILE;
  if (named) {
    const profile = profiles[named];
    if (profile === undefined) throw unknown(named, Object.keys(profiles));
    return toLogin(named, profile);
  }
  const given = env.LONGSHORE_ACCESS_TOKEN || env.TRIGGER_ACCESS_TOKEN;
  // Any other token is of an environment, and opens it as a key does.
  const accessToken = isPersonalToken(given) ? given : undefined;
  const currentProfile = current === null ? undefined : profiles[current];
  if (accessToken) {
    const url = apiUrl ?? currentProfile?.apiUrl;
    if (url) return { name: null, apiUrl: url, accessToken };
    throw new CliError("LONGSHORE_ACCESS_TOKEN is set, but no API address", {
      next: "pass --api-url or set LONGSHORE_API_URL",
      exitCode: exitCodes.badUsage,
    });
  }
  if (!apiUrl) return current !== null && currentProfile ? toLogin(current, currentProfile) : null;
  const isThere = (profile: Profile | undefined) =>
    profile !== undefined && trimUrl(profile.apiUrl) === trimUrl(apiUrl);
  if (current !== null && currentProfile && isThere(currentProfile)) return toLogin(current, currentProfile);
  const found = Object.entries(profiles).find(([, profile]) => isThere(profile));
  return found === undefined ? null : toLogin(...found);
};
