import path from "node:path";
import { type Client, createClient } from "@longshore/sdk";
import { EnvironmentPlace } from "@longshore/shared/contract/account";
import type { Command } from "commander";
import { CliError } from "../cli-error.ts";
import { exitCodes } from "../exit-codes.ts";
import { enterPlace, type Place, soleProject } from "../profiles/enter-place.ts";
import { findLogin, isPersonalToken, type Login } from "../profiles/find-login.ts";
import { namedApiUrl } from "../profiles/named-api-url.ts";
import { cliRetry } from "../profiles/person-client.ts";
import { type DevFile, readDevFile } from "./dev-file.ts";
import { checkEnvironment, parseEnvironment } from "./place-names.ts";

/** Where the API is and what opens it. `fetch` renews a short-lived key and names the branch. */
export type Connection = {
  apiUrl: string;
  apiKey: string;
  fetch?: typeof fetch;
  place?: Place;
  /** What a login was let into; a key is asked for it. */
  environment?: EnvironmentPlace;
};

/** What every command takes. */
export type CommonOptions = { json?: boolean; color?: boolean };

/** The options as commander hands them over. */
export type ConnectionOptions = CommonOptions & {
  apiUrl?: string;
  apiKey?: string;
  profile?: string;
  project?: string;
  env?: string;
  branch?: string;
};

/** What a command needs beside the options. */
export type ConnectionNeeds = {
  /** The project's folder: its configuration names the project, and a `longshore dev` may run in it. */
  dir?: string;
  /** The environment of a login when none is named. */
  defaultEnv?: string;
  /** It makes no sense against the `longshore dev` of this folder. */
  ignoresDev?: boolean;
  /** It goes to the `longshore dev` of this folder only when `--env dev` says so. */
  meetsDevByName?: boolean;
  makesBranch?: boolean;
};

/** Adds what every command has. */
export const withCommon = (command: Command): Command =>
  command.option("--json", "answer as JSON").option("--no-color", "no colours (or NO_COLOR)");

/** Adds the options that name an instance. */
export const withLogin = (command: Command): Command =>
  withCommon(command)
    .option("--profile <name>", "login to use (or LONGSHORE_PROFILE; the current one)")
    .option("--api-url <url>", "address of the API (or LONGSHORE_API_URL)");

/** Adds the options that every command within an environment has. */
export const withConnection = (command: Command): Command =>
  withLogin(command)
    .option("--api-key <key>", "secret key of the environment (or LONGSHORE_SECRET_KEY)")
    .option("--project <ref>", "project of a login (or LONGSHORE_PROJECT; the configuration's)")
    .option("--env <name>", "environment of a login: dev, stg, prod or preview")
    .option("--branch <name>", "branch of the preview environment (or LONGSHORE_PREVIEW_BRANCH)");

const tokenOfEnvironment = (): string | undefined => {
  const token = process.env.LONGSHORE_ACCESS_TOKEN || process.env.TRIGGER_ACCESS_TOKEN;
  return isPersonalToken(token) ? undefined : token;
};

/**
 * What options and environment say, each on its own; nothing is demanded.
 * Errors: `CliError` (bad usage) for an address that is none.
 */
export const findConnection = (options: ConnectionOptions): Partial<Connection> => {
  const apiUrl = namedApiUrl(options.apiUrl);
  // A profile that is named is meant, whatever key the shell has.
  const fromEnv = options.profile
    ? undefined
    : process.env.LONGSHORE_SECRET_KEY || process.env.TRIGGER_SECRET_KEY || tokenOfEnvironment();
  const apiKey = options.apiKey || fromEnv;
  return { ...(apiUrl ? { apiUrl } : {}), ...(apiKey ? { apiKey } : {}) };
};

/** The branch that is named, by option or variable. */
export const branchOf = ({ branch }: ConnectionOptions): string | null =>
  branch || process.env.LONGSHORE_PREVIEW_BRANCH || process.env.TRIGGER_PREVIEW_BRANCH || null;

const fetchOnBranch =
  (branch: string): typeof fetch =>
  (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set("x-trigger-branch", branch);
    return fetch(input, { ...init, headers });
  };

const withKey = async (options: ConnectionOptions, apiKey: string): Promise<Connection> => {
  const apiUrl = findConnection(options).apiUrl ?? (await findLogin(options))?.apiUrl;
  checkEnvironment(options.env, apiKey);
  if (!apiUrl) {
    throw new CliError("no API address", {
      next: "pass --api-url or set LONGSHORE_API_URL",
      exitCode: exitCodes.badUsage,
    });
  }
  const branch = branchOf(options);
  return { apiUrl, apiKey, ...(branch === null ? {} : { fetch: fetchOnBranch(branch) }) };
};

/** The project that is named: by option, variable or configuration; else the only one of the login. */
export const projectOf = async (options: ConnectionOptions, dir: string, login: Login): Promise<string> => {
  const named = options.project || process.env.LONGSHORE_PROJECT || process.env.TRIGGER_PROJECT_REF;
  if (named) return named;
  // It brings the bundler along, which most commands can do without.
  const { findConfigFile, loadConfig } = await import("../bundle/load-config.ts");
  const config = (await findConfigFile(dir)) === null ? undefined : (await loadConfig(dir)).config;
  return config?.project ?? soleProject(login);
};

const withPerson = async (
  options: ConnectionOptions,
  needs: ConnectionNeeds,
  login: Login,
): Promise<Connection> => {
  const branch = branchOf(options);
  const env = options.env ?? (branch === null ? (needs.defaultEnv ?? "dev") : "preview");
  const slug = parseEnvironment(env);
  if (slug === "preview" && branch === null) {
    throw new CliError("the preview environment has branches, and none is named", {
      next: "pass --branch <name>",
      exitCode: exitCodes.badUsage,
    });
  }
  const project = await projectOf(options, path.resolve(needs.dir ?? "."), login);
  // A session of development has to be named outright: the variable is of preview branches.
  const named = slug === "preview" ? branch : slug === "dev" ? (options.branch ?? null) : null;
  const wanted = { project, slug, branch: named };
  return { apiUrl: login.apiUrl, ...(await enterPlace(login, wanted, needs)) };
};

/** The `longshore dev` of this folder. Errors: `CliError` when its login is gone. */
const withDev = async (dev: DevFile): Promise<Connection> => {
  if ("apiKey" in dev) return { apiUrl: dev.apiUrl, apiKey: dev.apiKey };
  const login = await findLogin({
    apiUrl: dev.apiUrl,
    ...(dev.profile === null ? {} : { profile: dev.profile }),
  });
  if (login === null) throw nobody(dev.apiUrl);
  return { apiUrl: login.apiUrl, ...(await enterPlace(login, dev.place)) };
};

const nobody = (apiUrl: string | undefined): CliError =>
  apiUrl === undefined
    ? new CliError("not signed in, and no API key is given", {
        next: "longshore login, pass --api-url and --api-key, or start longshore dev here",
        exitCode: exitCodes.notAllowed,
      })
    : new CliError(`not signed in to ${apiUrl}, and no API key is given`, {
        next: `longshore login --api-url ${apiUrl}, or pass --api-key (LONGSHORE_SECRET_KEY)`,
        exitCode: exitCodes.notAllowed,
      });

/** The `longshore dev` that a command without a key goes to; undefined when there is none, or something else is named. */
export const findDev = async (
  options: ConnectionOptions,
  needs: ConnectionNeeds = {},
): Promise<DevFile | undefined> => {
  const { profile, project, env } = options;
  const isOther = env !== undefined && parseEnvironment(env) !== "dev";
  const isNamed = Boolean(
    findConnection(options).apiUrl || profile || project || isOther || branchOf(options),
  );
  const ignoresDev = needs.ignoresDev || (needs.meetsDevByName && env === undefined);
  return isNamed || ignoresDev ? undefined : readDevFile(needs.dir ?? process.cwd());
};

/**
 * The connection of a command: a key that is given; else the `longshore dev` of this folder, unless something else is
 * named; else a login, which enters an environment of the project.
 *
 * Errors: `CliError` that names what is missing.
 */
export const getConnection = async (
  options: ConnectionOptions,
  needs: ConnectionNeeds = {},
): Promise<Connection> => {
  const { apiUrl, apiKey } = findConnection(options);
  if (apiKey) return withKey(options, apiKey);
  const dev = await findDev(options, needs);
  if (dev) return withDev(dev);
  const login = await findLogin(options);
  if (login === null) throw nobody(apiUrl);
  return withPerson(options, needs, login);
};

/** The login of a command that works outside of environments. Errors: `CliError` when nobody is signed in. */
export const getLogin = async (options: ConnectionOptions): Promise<Login> => {
  const login = await findLogin(options);
  if (login === null) throw nobody(findConnection(options).apiUrl);
  return login;
};

/** A client over the connection. */
export const connect = (connection: Connection): Client =>
  createClient({
    baseURL: connection.apiUrl,
    accessToken: connection.apiKey,
    retry: cliRetry,
    ...(connection.fetch ? { fetch: connection.fetch } : {}),
  });

/** The environment that a connection leads to; a key is asked for its own. */
export const environmentOf = async (connection: Connection): Promise<EnvironmentPlace> =>
  connection.environment ??
  (await connect(connection).request(EnvironmentPlace, "GET", "/api/v1/environment"));

/** The names of the project and environment that a connection leads to; a key is asked for its own. */
export const placeOf = async (connection: Connection): Promise<Place> => {
  if (connection.place) return connection.place;
  const found = await environmentOf(connection);
  return { project: found.project.ref, slug: found.slug, branch: found.branch };
};
