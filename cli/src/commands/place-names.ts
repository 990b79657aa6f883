import { CliError } from "../cli-error.ts";
import { exitCodes } from "../exit-codes.ts";

const slugs: Record<string, string> = {
  development: "dev",
  dev: "dev",
  staging: "stg",
  stg: "stg",
  production: "prod",
  prod: "prod",
  preview: "preview",
};

const unknown = (env: string) =>
  new CliError(`unknown environment "${env}"`, {
    next: "use dev, stg, prod or preview",
    exitCode: exitCodes.badUsage,
  });

/** An environment's name as keys carry it. Errors: `CliError` (bad usage). */
export const parseEnvironment = (env: string): string => {
  const slug = slugs[env];
  if (slug === undefined) throw unknown(env);
  return slug;
};

/** The key decides the environment; `--env` keeps one from working in another by mistake. */
export const checkEnvironment = (env: string | undefined, apiKey: string): void => {
  if (env === undefined) return;
  const wanted = parseEnvironment(env);
  const actual = /^tr_([a-z]+)_/.exec(apiKey)?.[1];
  if (actual === undefined || actual === wanted) return;
  throw new CliError(`the key belongs to "${actual}", not to "${wanted}"`, {
    next: `pass the ${wanted} environment's key with --api-key or LONGSHORE_SECRET_KEY`,
    exitCode: exitCodes.badUsage,
  });
};

/** An environment as people read it: `prod`, `preview/feature`. */
export const nameOfPlace = ({ slug, branch }: { slug: string; branch: string | null }): string =>
  branch === null ? slug : `${slug}/${branch}`;
