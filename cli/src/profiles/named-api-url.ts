import { CliError } from "../cli-error.ts";
import { exitCodes } from "../exit-codes.ts";

type Env = Record<string, string | undefined>;

/** Whether it can be the address of an API. */
const isAddress = (url: string): boolean => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);

/** What to say of an address that is none. `name`: who gave it, an option or a variable. */
const noAddress = (name: string, url: string): CliError =>
  new CliError(`${name}: "${url}" is no address of an API`, {
    next: "give one such as https://longshore.example.com",
    exitCode: exitCodes.badUsage,
  });

/**
 * The address of the API that is named: by option, else by variable.
 * Shape: undefined when none is. Errors: `CliError` (bad usage) that says which of them holds no address.
 */
export const namedApiUrl = (option: string | undefined, env: Env = process.env): string | undefined => {
  const given = [
    ["--api-url", option],
    ["LONGSHORE_API_URL", env.LONGSHORE_API_URL],
    ["TRIGGER_API_URL", env.TRIGGER_API_URL],
  ] as const;
  for (const [name, url] of given) {
    if (!url) continue;
    if (!isAddress(url)) throw noAddress(name, url);
    return url;
  }
  return undefined;
};
