import { environmentVariable } from "./environment-variable.ts";

/** Where hosting platforms and CI systems say which commit they built. Source: the official client, 4.8.3. */
const commitVariables = [
  "VERCEL_GIT_COMMIT_SHA",
  "RAILWAY_GIT_COMMIT_SHA",
  "RENDER_GIT_COMMIT",
  "CF_PAGES_COMMIT_SHA",
  "WORKERS_CI_COMMIT_SHA",
  "COMMIT_REF",
  "AWS_COMMIT_ID",
  "HEROKU_BUILD_COMMIT",
  "HEROKU_SLUG_COMMIT",
  "KOYEB_GIT_SHA",
  "GITHUB_SHA",
  "CI_COMMIT_SHA",
  "CIRCLE_SHA1",
  "BITBUCKET_COMMIT",
  "BUILDKITE_COMMIT",
  "DRONE_COMMIT_SHA",
  "TRAVIS_COMMIT",
  "COMMIT_SHA",
  "COMMIT_HASH",
  "GIT_COMMIT",
  "GIT_SHA",
];

const isOn = (value: string | undefined): boolean => value === "1" || value?.toLowerCase() === "true";

/**
 * The deployment that the calling code was built with, from the environment: named outright, or the commit that its
 * platform built when `TRIGGER_AUTOMATIC_SKEW_VERSION_PROTECTION=1`. Source: the feature reference, 1.2.
 */
export const ambientDeploymentId = (): string | undefined => {
  const named = environmentVariable("LONGSHORE_EXTERNAL_DEPLOYMENT_ID", "TRIGGER_EXTERNAL_DEPLOYMENT_ID");
  if (named) return named;
  const isAutomatic = isOn(
    environmentVariable(
      "LONGSHORE_AUTOMATIC_SKEW_VERSION_PROTECTION",
      "TRIGGER_AUTOMATIC_SKEW_VERSION_PROTECTION",
    ),
  );
  return isAutomatic ? environmentVariable(...commitVariables) : undefined;
};
