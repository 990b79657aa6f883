import type { EnvVar, ImportEnvVarsBody, Success } from "@longshore/shared/contract/env-vars";
import { AppError } from "@longshore/shared/core/error-codes";
import * as rows from "../db/transitions/env-vars.ts";
import { type Principal, requireOutsider, requireScope } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { forgetEnvOfRuns } from "./env-of-runs.ts";
import { seal, unseal } from "./seal.ts";

/** What every run of an environment carries along must stay small. Units: variables; characters as they are kept. */
const limits: rows.EnvVarLimits = { countMax: 500, sealedMax: 256 * 1024 };

/** What a secret's value is read as. */
const redacted = "<redacted>";

const done: Success = { success: true };
const missing = (name: string) =>
  new AppError("not_found", `Environment variable "${name}" not found`, { shouldRetry: false });

const requireReader = (principal: Principal): void => requireScope(principal, "read", [{ type: "envvars" }]);

const requireWriter = (principal: Principal): void => {
  requireOutsider(principal);
  requireScope(principal, "write", [{ type: "envvars" }]);
};

const serialise = async (deps: Deps, row: rows.EnvVarRow): Promise<EnvVar> => {
  const { name, isSecret } = row;
  if (isSecret) return { name, value: redacted, isSecret };
  const value = await unseal(deps, row);
  if (value === null) {
    throw new AppError(
      "unavailable",
      `The variable "${name}" was sealed with a key that is not among LONGSHORE_ENCRYPTION_KEY and LONGSHORE_ENCRYPTION_KEYS_OLD.`,
      { shouldRetry: false },
    );
  }
  return { name, value, isSecret };
};

/** `GET …/envvars/:slug`: a branch's with those it inherits; values of secrets are redacted. Errors: `forbidden`. */
export const listEnvVars = async (deps: Deps, principal: Principal): Promise<EnvVar[]> => {
  requireReader(principal);
  const found = await rows.readEnvVars(deps.db, principal.environmentId);
  return Promise.all(found.map((row) => serialise(deps, row)));
};

/** `GET …/envvars/:slug/:name`. Errors: `forbidden`, `not_found`. */
export const readEnvVar = async (deps: Deps, principal: Principal, name: string): Promise<EnvVar> => {
  requireReader(principal);
  const found = await rows.readEnvVars(deps.db, principal.environmentId);
  const row = found.find((one) => one.name === name);
  if (row === undefined) throw missing(name);
  return serialise(deps, row);
};

const sealAll = (
  deps: Deps,
  environmentId: string,
  values: Readonly<Record<string, string>>,
  isSecret: boolean | null,
): Promise<rows.SealedVar[]> =>
  Promise.all(
    Object.entries(values).map(async ([name, value]) => ({
      name,
      isSecret,
      ...(await seal(deps, { environmentId, name }, value)),
    })),
  );

const write = async (
  deps: Deps,
  environmentId: string,
  values: Readonly<Record<string, string>>,
  options: { override: boolean; isSecret: boolean | null },
): Promise<void> => {
  const vars = await sealAll(deps, environmentId, values, options.isSecret);
  const { fits } = await rows.writeEnvVars(deps.db, environmentId, {
    vars,
    override: options.override,
    limits,
  });
  if (!fits) {
    throw new AppError(
      "unprocessable",
      `An environment has at most ${limits.countMax} variables and ${limits.sealedMax} characters of them, encrypted.`,
    );
  }
  forgetEnvOfRuns(deps, environmentId);
};

/** `POST …/envvars/:slug`: creates the variable or changes it. Errors: `forbidden`, `unprocessable` over the limits. */
export const createEnvVar = async (
  deps: Deps,
  principal: Principal,
  input: { name: string; value: string; isSecret?: boolean | undefined },
): Promise<Success> => {
  requireWriter(principal);
  const options = { override: true, isSecret: input.isSecret ?? null };
  await write(deps, principal.environmentId, { [input.name]: input.value }, options);
  return done;
};

/**
 * `POST …/envvars/:slug/import`: those that exist stay as they are unless `override`. `parentVariables` go to the
 * preview environment of a branch, and nowhere otherwise.
 *
 * Errors: `forbidden`; `unprocessable` over the limits: nothing of that environment is written then.
 */
export const importEnvVars = async (
  deps: Deps,
  principal: Principal,
  body: ImportEnvVarsBody,
): Promise<Success> => {
  requireWriter(principal);
  const options = { override: body.override, isSecret: body.isSecret ?? null };
  const parentVariables = body.parentVariables ?? {};
  if (Object.keys(parentVariables).length > 0) {
    const parentId = await rows.findParentEnvironment(deps.db, principal.environmentId);
    if (parentId !== null) await write(deps, parentId, parentVariables, options);
  }
  await write(deps, principal.environmentId, body.variables, options);
  return done;
};

/** `PUT …/envvars/:slug/:name`. Errors: `forbidden`, `not_found`. */
export const updateEnvVar = async (
  deps: Deps,
  principal: Principal,
  name: string,
  value: string,
): Promise<Success> => {
  requireWriter(principal);
  const { environmentId } = principal;
  const sealed = await seal(deps, { environmentId, name }, value);
  if (!(await rows.updateEnvVar(deps.db, environmentId, { name, ...sealed }))) throw missing(name);
  forgetEnvOfRuns(deps, environmentId);
  return done;
};

/** `DELETE …/envvars/:slug/:name`. Errors: `forbidden`; `not_found`, also for one that is only inherited. */
export const deleteEnvVar = async (deps: Deps, principal: Principal, name: string): Promise<Success> => {
  requireWriter(principal);
  if (!(await rows.deleteEnvVar(deps.db, principal.environmentId, name))) throw missing(name);
  forgetEnvOfRuns(deps, principal.environmentId);
  return done;
};
