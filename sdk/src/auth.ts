import { ambientApi, type ClientConfig, configure, withConfig } from "./configure.ts";
import { createPublicToken as mintToken } from "./create-public-token.ts";
import type { Api } from "./http/api.ts";

/** Which things of a kind: some by id, or all of them. */
type Which = string | readonly string[] | boolean;
/** Kinds of things that a token may be for. */
type Resources = {
  runs?: Which;
  tasks?: Which;
  tags?: Which;
  batch?: Which;
  waitpoints?: Which;
  deployments?: Which;
  queues?: Which;
  inputStreams?: Which;
  sessions?: Which;
};

/** What a public token may do, by action, kind and id: `{ read: { runs: ["run_1"] }, trigger: { tasks: "hello" } }`. */
export type PublicTokenPermissions = {
  read?: Resources | boolean;
  write?: Resources | boolean;
  trigger?: { tasks: Which };
  batchTrigger?: { tasks: Which };
  admin?: boolean;
};

/** Units: `expirationTime` in Unix seconds, as a duration such as "1h", or a date; 15 minutes by default, 30 days at most. */
type TokenLife = {
  expirationTime?: number | string | Date;
  realtime?: { skipColumns?: readonly string[] };
};
export type CreatePublicTokenOptions = TokenLife & { scopes?: PublicTokenPermissions };
export type CreateTriggerTokenOptions = TokenLife & {
  /** Otherwise the token triggers once. */
  multipleUse?: boolean;
};

const scopesOfKind = (action: string, kind: string, which: Which | undefined): string[] => {
  if (which === undefined || which === false) return [];
  if (which === true) return [`${action}:${kind}`];
  return (typeof which === "string" ? [which] : which).map((id) => {
    if (id.trim() === "") throw new TypeError(`auth: an id under ${action}.${kind} is empty`);
    return `${action}:${kind}:${id}`;
  });
};

/** Source: the client wire contract, 2.3. */
const scopesOf = (permissions: PublicTokenPermissions): string[] =>
  Object.entries(permissions).flatMap(([action, kinds]: [string, Resources | boolean | undefined]) => {
    if (kinds === undefined || kinds === false) return [];
    if (kinds === true) return [action];
    return Object.entries(kinds).flatMap(([kind, which]) => scopesOfKind(action, kind, which));
  });

/** Tokens that may be given away: to a browser, to a third party. */
export type AuthClient = {
  /** A token that may do what `scopes` says and no more. */
  createPublicToken(options?: CreatePublicTokenOptions): Promise<string>;
  /** A token that triggers these tasks. */
  createTriggerPublicToken(
    task: string | readonly string[],
    options?: CreateTriggerTokenOptions,
  ): Promise<string>;
  /** A token that triggers batches of these tasks. */
  createBatchTriggerPublicToken(
    task: string | readonly string[],
    options?: CreateTriggerTokenOptions,
  ): Promise<string>;
};

/** Binds the noun to an API. Errors: a run may make no tokens, so inside a task every call is refused. */
export const authOf = (api: () => Api): AuthClient => {
  const forTasks = async (
    action: "trigger" | "batchTrigger",
    task: string | readonly string[],
    { multipleUse, ...life }: CreateTriggerTokenOptions = {},
  ) => {
    const scopes = scopesOfKind(action, "tasks", task);
    if (scopes.length === 0) throw new TypeError("auth: name at least one task that the token triggers");
    return mintToken(api(), { ...life, scopes, oneTimeUse: multipleUse !== true });
  };
  return {
    createPublicToken: async ({ scopes: permissions = {}, ...life } = {}) => {
      const scopes = scopesOf(permissions);
      if (scopes.length === 0) {
        throw new TypeError(
          'auth.createPublicToken: say what the token may do, such as { scopes: { read: { runs: ["run_…"] } } }',
        );
      }
      return mintToken(api(), { ...life, scopes });
    },
    createTriggerPublicToken: (task, options) => forTasks("trigger", task, options),
    createBatchTriggerPublicToken: (task, options) => forTasks("batchTrigger", task, options),
  };
};

const ambient = authOf(ambientApi);

/**
 * Makes tokens, and says with which credential calls are made. `withAuth` and its kin hold for the calls inside the
 * function, and inside a task too.
 */
export const auth = {
  ...ambient,
  configure,
  /** Runs `work` with this configuration, whatever else is configured. */
  withAuth: <R>(config: ClientConfig, work: () => Promise<R>): Promise<R> => withConfig(config, work),
  /** The same with a token made for it. */
  withPublicToken: async <R>(options: CreatePublicTokenOptions, work: () => Promise<R>): Promise<R> =>
    withConfig({ accessToken: await ambient.createPublicToken(options) }, work),
  withTriggerPublicToken: async <R>(
    task: string | readonly string[],
    options: CreateTriggerTokenOptions | undefined,
    work: () => Promise<R>,
  ): Promise<R> => withConfig({ accessToken: await ambient.createTriggerPublicToken(task, options) }, work),
  withBatchTriggerPublicToken: async <R>(
    task: string | readonly string[],
    options: CreateTriggerTokenOptions | undefined,
    work: () => Promise<R>,
  ): Promise<R> =>
    withConfig({ accessToken: await ambient.createBatchTriggerPublicToken(task, options) }, work),
};
