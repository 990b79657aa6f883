import { NotFoundError } from "@longshore/sdk";
import {
  type EnvironmentPlace,
  PlaceToken,
  type ProjectItem,
  ProjectList,
} from "@longshore/shared/contract/account";
import { Branch } from "@longshore/shared/contract/env-vars";
import { CliError } from "../cli-error.ts";
import { exitCodes } from "../exit-codes.ts";
import type { Login } from "./find-login.ts";
import { asPerson } from "./person-client.ts";

/** An environment of a project. `slug` as in keys; `branch` for preview alone. */
export type Place = { project: string; slug: string; branch: string | null };

/** A token of an environment lives fifteen minutes; it is renewed well before. Units: milliseconds. */
const renewAfterMs = 600_000;

const pathOf = (project: string, rest: string): string =>
  `/api/v1/projects/${encodeURIComponent(project)}${rest}`;

const branchHeader = (branch: string | null): Record<string, string> =>
  branch === null ? {} : { "x-trigger-branch": branch };

const buy = (login: Login, { project, slug, branch }: Place): Promise<PlaceToken> =>
  asPerson(login, (client) =>
    client.request(PlaceToken, "POST", pathOf(project, `/environments/${encodeURIComponent(slug)}/token`), {
      headers: branchHeader(branch),
    }),
  );

/** Every project that the person may see. */
export const listProjects = (login: Login): Promise<ProjectItem[]> =>
  asPerson(login, (client) => client.request(ProjectList, "GET", "/api/v1/projects"));

/** Makes the preview environment of a branch, unless it is there. */
const makeBranch = (login: Login, project: string, branch: string): Promise<Branch> =>
  asPerson(login, (client) =>
    client.request(Branch, "POST", pathOf(project, "/branches"), { body: { branch } }),
  );

const nameOf = ({ externalRef, name }: ProjectItem): string => `${externalRef} (${name})`;

const unknownProject = (project: string, login: Login, projects: ProjectItem[]): CliError =>
  new CliError(`unknown project "${project}" on ${login.apiUrl}`, {
    next:
      projects.length === 0
        ? "this login may see no project; sign in as somebody who does: longshore login"
        : `set \`project\` in the configuration, or pass --project: ${projects.map(nameOf).join(", ")}`,
    exitCode: exitCodes.notFound,
  });

/** The project that is meant when none is named: the only one there is. */
export const soleProject = async (login: Login): Promise<string> => {
  const projects = await listProjects(login);
  const [first] = projects;
  if (first !== undefined && projects.length === 1) return first.externalRef;
  throw new CliError("no project is named", {
    next: `set \`project\` in longshore.config.ts or pass --project: ${projects.map(nameOf).join(", ") || "(this login may see none)"}`,
    exitCode: exitCodes.badUsage,
  });
};

const explainMissing = async (login: Login, place: Place): Promise<CliError> => {
  const projects = await listProjects(login);
  const found = projects.find(({ externalRef }) => externalRef === place.project);
  if (found === undefined) return unknownProject(place.project, login, projects);
  if (place.branch !== null && place.slug === "dev") {
    return new CliError(`project ${place.project} has no dev session "${place.branch}"`, {
      next: `longshore dev opens it: longshore dev --branch ${place.branch}`,
      exitCode: exitCodes.notFound,
    });
  }
  if (place.branch !== null) {
    return new CliError(`project ${place.project} has no preview branch "${place.branch}"`, {
      next: `longshore preview list shows those there are; longshore deploy --env preview --branch ${place.branch} makes it`,
      exitCode: exitCodes.notFound,
    });
  }
  const slugs = [...new Set(found.environments.map(({ slug }) => slug))];
  return new CliError(`project ${place.project} has no environment "${place.slug}"`, {
    next: `use --env ${slugs.join(", ")}`,
    exitCode: exitCodes.notFound,
  });
};

/** The project that a ref or slug names. Errors: `CliError` (4) that says which there are. */
export const findProject = (project: string, login: Login, projects: ProjectItem[]): ProjectItem => {
  const found =
    projects.find(({ externalRef }) => externalRef === project) ??
    projects.find(({ slug }) => slug === project);
  if (found === undefined) throw unknownProject(project, login, projects);
  return found;
};

/** The ref of a project that is named by its slug; null when there is no such one. */
const refOfSlug = async (login: Login, slug: string): Promise<string | null> => {
  const named = (await listProjects(login)).filter((project) => project.slug === slug);
  return named.length === 1 ? (named[0]?.externalRef ?? null) : null;
};

const buyOrExplain = async (login: Login, place: Place): Promise<{ place: Place; bought: PlaceToken }> => {
  try {
    return { place, bought: await buy(login, place) };
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    const ref = await refOfSlug(login, place.project);
    if (ref === null || ref === place.project) throw await explainMissing(login, place);
    return buyOrExplain(login, { ...place, project: ref });
  }
};

/**
 * A person enters an environment: a token of it, and a `fetch` that renews the token while it is in use.
 *
 * `makesBranch`: a preview branch that is not there is made. Errors: `CliError` (3 for a login that is over, 4 for a
 * project, environment or branch that is not there).
 */
export const enterPlace = async (
  login: Login,
  wanted: Place,
  options: { makesBranch?: boolean } = {},
): Promise<{ apiKey: string; fetch: typeof fetch; place: Place; environment: EnvironmentPlace }> => {
  if (options.makesBranch && wanted.branch !== null) {
    await makeBranch(login, wanted.project, wanted.branch).catch((error: unknown) => {
      if (!(error instanceof NotFoundError)) throw error;
    });
  }
  const { place, bought } = await buyOrExplain(login, wanted);
  let held = bought.token;
  let renewAtMs = performance.now() + renewAfterMs;
  const renew = async () => {
    held = (await buy(login, place)).token;
    renewAtMs = performance.now() + renewAfterMs;
  };
  let renewal: Promise<void> | undefined;
  const renewingFetch: typeof fetch = async (input, init) => {
    if (performance.now() > renewAtMs) {
      renewal ??= renew().finally(() => {
        renewal = undefined;
      });
      await renewal;
    }
    const headers = new Headers(init?.headers);
    headers.set("authorization", `Bearer ${held}`);
    return fetch(input, { ...init, headers });
  };
  return { apiKey: bought.token, fetch: renewingFetch, place, environment: bought.environment };
};
