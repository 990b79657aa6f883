import { spawn } from "node:child_process";
import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { type Client, createClient, NotFoundError, RateLimitError } from "@longshore/sdk";
import { Whoami } from "@longshore/shared/contract/account";
import {
  CollectedSignIn,
  StartedSignIn as Started,
  type StartedSignIn,
} from "@longshore/shared/contract/sign-in-requests";
import type { Command } from "commander";
import { CliError } from "../cli-error.ts";
import { exitCodes } from "../exit-codes.ts";
import { trimUrl } from "../profiles/find-login.ts";
import { namedApiUrl } from "../profiles/named-api-url.ts";
import { asPerson, cliRetry } from "../profiles/person-client.ts";
import { defaultProfile, type Profile, readProfiles, saveProfile } from "../profiles/profile-store.ts";
import { askText } from "../terminal/ask.ts";
import { print, printJson, printNote } from "../terminal/output.ts";
import { startProgress } from "../terminal/progress.ts";
import { readInput } from "../terminal/read-input.ts";
import { style } from "../terminal/style.ts";
import { cliVersion } from "../version.ts";
import { type CommonOptions, withLogin } from "./connection.ts";
import { runAction } from "./run-action.ts";

type Options = CommonOptions & {
  profile?: string;
  apiUrl?: string;
  token?: string;
  /** False with `--no-browser`. */
  browser: boolean;
};

/** Where a server that somebody started on this machine listens. */
const localUrl = "http://127.0.0.1:3030";

const urlOf = async (options: Options, name: string): Promise<string> => {
  const known = namedApiUrl(options.apiUrl) ?? (await readProfiles()).profiles[name]?.apiUrl;
  if (known !== undefined) return trimUrl(known);
  const asked = { message: "Address of the API", flag: "--api-url", initial: localUrl };
  return trimUrl(namedApiUrl(await askText(options, asked)) ?? localUrl);
};

const openers: Partial<Record<NodeJS.Platform, string[]>> = {
  darwin: ["open"],
  win32: ["cmd", "/c", "start", ""],
  linux: ["xdg-open"],
};

/** Shows the page, where there is a browser; the address was printed in any case. */
const openBrowser = (url: string): void => {
  const [command, ...args] = openers[process.platform] ?? [];
  if (command === undefined || process.stderr.isTTY !== true) return;
  const child = spawn(command, [...args, url], { stdio: "ignore", detached: true });
  child.on("error", () => undefined);
  child.unref();
};

/** Control characters and names that are too long are not for a page. */
const machineName = (): string =>
  hostname()
    .replace(/[^\x20-\x7e]/g, "")
    .trim()
    .slice(0, 100) || "a machine";

const anonymous = (apiUrl: string): Client =>
  createClient({ baseURL: apiUrl, accessToken: "none", retry: cliRetry });

const over = (what: string) =>
  new CliError(what, { next: "longshore login", exitCode: exitCodes.notAllowed });

const waitForDecision = async (client: Client, request: StartedSignIn) => {
  const ask = () =>
    client.request(CollectedSignIn, "POST", "/api/v1/sign-in-requests/token", {
      body: { deviceCode: request.deviceCode },
    });
  for (;;) {
    await delay(request.intervalMs);
    const answer = await ask().catch((error: unknown) => {
      if (error instanceof NotFoundError)
        throw over("the sign-in request is too old: nobody allowed it in time");
      if (error instanceof RateLimitError) return { status: "pending" } as const;
      throw error;
    });
    if (answer.status === "refused") throw over("the sign-in was refused in the dashboard");
    if (answer.status === "approved") return answer;
  }
};

const signInWithBrowser = async (apiUrl: string, options: Options): Promise<Profile> => {
  const client = anonymous(apiUrl);
  const request = await client.request(Started, "POST", "/api/v1/sign-in-requests", {
    body: { machine: machineName(), client: `longshore ${cliVersion}` },
  });
  printNote(`Open    ${request.approvalUrl}`);
  printNote(`Code    ${style("bold", request.userCode)}  (compare it with the page)`);
  if (options.browser) openBrowser(request.approvalUrl);
  const progress = startProgress(options);
  progress.say("waiting until somebody allows it there; Ctrl-C gives up");
  const { token, user, expiresAt } = await waitForDecision(client, request).finally(() => progress.end());
  return { apiUrl, accessToken: token, email: user.email, expiresAt };
};

const signInWithToken = async (apiUrl: string, given: string): Promise<Profile> => {
  const accessToken = given === "-" ? (await readInput()).trim() : given;
  if (!/^tr_pat_\w+$/.test(accessToken)) {
    throw new CliError("this is no personal access token (tr_pat_…)", {
      next: "pass --token tr_pat_…, or --token - to read it from standard input",
      exitCode: exitCodes.badUsage,
    });
  }
  const login = { name: null, apiUrl, accessToken };
  const who = await asPerson(login, (client) => client.request(Whoami, "GET", "/api/v2/whoami")).catch(
    (error: unknown) => {
      if (!(error instanceof CliError)) throw error;
      throw new CliError(`${apiUrl} refuses the token: it is wrong, expired or revoked`, {
        next: "make a new one",
        exitCode: exitCodes.notAllowed,
        cause: error,
      });
    },
  );
  const { expiresAt } = who.token;
  return { apiUrl, accessToken, email: who.email, ...(expiresAt === undefined ? {} : { expiresAt }) };
};

const login = async (options: Options): Promise<void> => {
  const name = options.profile || process.env.LONGSHORE_PROFILE || defaultProfile;
  const apiUrl = await urlOf(options, name);
  const profile =
    options.token === undefined
      ? await signInWithBrowser(apiUrl, options)
      : await signInWithToken(apiUrl, options.token);
  await saveProfile(name, profile);
  const { email, expiresAt } = profile;
  if (options.json) return printJson({ profile: name, apiUrl, email, expiresAt });
  print(`${style("green", "✓")} Signed in to ${apiUrl} as ${email} (profile ${name})`);
  if (expiresAt !== undefined)
    print(style("dim", `until ${expiresAt.slice(0, 10)}; longshore logout ends it`));
};

/** `longshore login`. */
export const addLoginCommand = (program: Command): void => {
  withLogin(program.command("login"))
    .description("sign in to an instance, in the browser or with a token")
    .option("--token <token>", "a personal access token; - reads it from standard input")
    .option("--no-browser", "only print the address, open nothing")
    .action((options: Options) => runAction(options, () => login(options)));
};
