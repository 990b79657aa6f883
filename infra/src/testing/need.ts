const VARIABLES = {
  postgres: "LONGSHORE_TEST_DATABASE_URL",
  redis: "LONGSHORE_TEST_REDIS_URL",
  docker: "DOCKER_HOST",
  chromium: "CHROMIUM_PATH",
  runnerImage: "LONGSHORE_TEST_RUNNER_IMAGE",
} as const;

/** A part that tests may need, as `pnpm test` brings it up. */
export type Need = keyof typeof VARIABLES;

/** The variable by which `pnpm test` tells tests where a part is. */
export function variableFor(need: Need): string {
  return VARIABLES[need];
}

/**
 * Where a part is, or undefined when there is none: `describe.skipIf(!needs("redis"))`.
 *
 * Shape: a url for postgres, redis and docker; a path for chromium; an image name for runnerImage.
 */
export function needs(need: Need): string | undefined {
  return process.env[VARIABLES[need]] || undefined;
}
