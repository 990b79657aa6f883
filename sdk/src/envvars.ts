import type { EnvVar } from "@longshore/shared/contract/env-vars";
import { ambientApi } from "./configure.ts";
import { currentHost } from "./host.ts";
import type { Api } from "./http/api.ts";
import { recordDecoder } from "./http/record-decoder.ts";
import { callParts, type RequestOptions } from "./http/request-options.ts";

export type CreateEnvVarParams = { name: string; value: string; isSecret?: boolean };
export type UpdateEnvVarParams = { value: string };

/** Many at once. Without `override` a variable that exists keeps its value. */
export type ImportEnvVarsParams = {
  variables: Record<string, string>;
  /** Written to the preview environment that a branch belongs to. */
  parentVariables?: Record<string, string>;
  override?: boolean;
  isSecret?: boolean;
};

type Done = { success: true };
/** Which environment: its project's ref, and dev, stg, prod or preview. Inside a task both may be left out. */
type Place = [projectRef: string, slug: string];

/** Environment variables. Each call takes the environment first; inside a task, its own is meant without. */
export type EnvVarsClient = {
  list(...args: [...Place, RequestOptions?] | [RequestOptions?]): Promise<EnvVar[]>;
  /** The value of a secret is redacted. */
  retrieve(
    ...args: [...Place, name: string, RequestOptions?] | [name: string, RequestOptions?]
  ): Promise<EnvVar>;
  create(
    ...args: [...Place, CreateEnvVarParams, RequestOptions?] | [CreateEnvVarParams, RequestOptions?]
  ): Promise<Done>;
  update(
    ...args:
      | [...Place, name: string, UpdateEnvVarParams, RequestOptions?]
      | [name: string, UpdateEnvVarParams, RequestOptions?]
  ): Promise<Done>;
  del(...args: [...Place, name: string, RequestOptions?] | [name: string, RequestOptions?]): Promise<Done>;
  upload(
    ...args: [...Place, ImportEnvVarsParams, RequestOptions?] | [ImportEnvVarsParams, RequestOptions?]
  ): Promise<Done>;
};

const variableSchema = recordDecoder<EnvVar>("a variable", ["name", "value"]);
const doneSchema = recordDecoder<Done>("the answer", ["success"]);
const listSchema = {
  parse: (value: unknown): EnvVar[] => {
    if (!Array.isArray(value)) throw new TypeError("the list of variables must be a list");
    return value.map((item) => variableSchema.parse(item));
  },
};

/** Splits the environment off the front. Errors: throws where it is left out and there is no task to take it from. */
const splitPlace = (
  call: string,
  args: readonly unknown[],
  texts: number,
): { base: string; rest: unknown[] } => {
  // With the environment there are two texts more in front than the call has of its own.
  const given = args.findIndex((arg) => typeof arg !== "string");
  const count = given < 0 ? args.length : given;
  if (count >= texts + 2) {
    const [ref, slug, ...rest] = args;
    return { base: basePath(String(ref), String(slug)), rest };
  }
  const context = currentHost()?.context;
  if (!context) {
    throw new TypeError(
      `envvars.${call} outside a task needs the project's ref and the environment first: envvars.${call}("proj_…", "dev", …)`,
    );
  }
  return { base: basePath(context.project.ref, context.environment.slug), rest: [...args] };
};

const basePath = (ref: string, slug: string): string =>
  `/api/v1/projects/${encodeURIComponent(ref)}/envvars/${encodeURIComponent(slug)}`;

const named = (base: string, name: unknown): string => `${base}/${encodeURIComponent(String(name))}`;

/** Binds the noun to an API. */
export const envvarsOf = (api: () => Api): EnvVarsClient => {
  const partsOf = (options: unknown, body?: unknown) => ({
    ...callParts(options as RequestOptions | undefined),
    ...(body === undefined ? {} : { body }),
  });
  return {
    list: async (...args) => {
      const { base, rest } = splitPlace("list", args, 0);
      return api().request(listSchema, "GET", base, partsOf(rest[0]));
    },
    retrieve: async (...args) => {
      const { base, rest } = splitPlace("retrieve", args, 1);
      return api().request(variableSchema, "GET", named(base, rest[0]), partsOf(rest[1]));
    },
    create: async (...args) => {
      const { base, rest } = splitPlace("create", args, 0);
      return api().request(doneSchema, "POST", base, partsOf(rest[1], rest[0]));
    },
    update: async (...args) => {
      const { base, rest } = splitPlace("update", args, 1);
      return api().request(doneSchema, "PUT", named(base, rest[0]), partsOf(rest[2], rest[1]));
    },
    del: async (...args) => {
      const { base, rest } = splitPlace("del", args, 1);
      return api().request(doneSchema, "DELETE", named(base, rest[0]), partsOf(rest[1]));
    },
    upload: async (...args) => {
      const { base, rest } = splitPlace("upload", args, 0);
      return api().request(doneSchema, "POST", `${base}/import`, partsOf(rest[1], rest[0]));
    },
  };
};

/** The variables of the configured project; inside a task, of the task's own environment by default. */
export const envvars = envvarsOf(ambientApi);
