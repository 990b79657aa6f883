import { createHash } from "node:crypto";
import { hostname, userInfo } from "node:os";
import path from "node:path";
import { NotFoundError } from "@longshore/sdk";
import { ArchivedDevSession, DevSession } from "@longshore/shared/contract/account";
import type { Connection } from "../commands/connection.ts";
import { enterPlace, findProject, listProjects, type Place } from "../profiles/enter-place.ts";
import type { Login } from "../profiles/find-login.ts";
import { asPerson } from "../profiles/person-client.ts";

/** Whose session it is to be, of which project. */
export type SessionWish = { login: Login; project: string; name: string };

type OpenedSession = {
  connection: Connection & { place: Place };
  environmentId: string;
  enrolToken: string;
  /** Puts its environment away, unless something of it still runs. */
  archive(): Promise<void>;
};

/** A name that is the same at the next start, and no other folder's or machine's. */
export const sessionName = (dir: string): string => {
  const folder = createHash("sha256").update(dir).digest("hex").slice(0, 6);
  const parts = `${userInfo().username}@${hostname()}/${path.basename(dir)}`;
  return `${parts.replace(/[\s\p{Cc}]+/gu, "-").slice(0, 150)}-${folder}`;
};

const open = (login: Login, project: string, name: string): Promise<DevSession> =>
  asPerson(login, (client) =>
    client.request(DevSession, "POST", `/api/v1/projects/${encodeURIComponent(project)}/dev-sessions`, {
      body: { name },
    }),
  );

/**
 * Opens a development session on another API: an environment that no other session's agent serves.
 * Errors: `CliError` for a project that the login may not change.
 */
export const openSession = async ({ login, project, name }: SessionWish): Promise<OpenedSession> => {
  let ref = project;
  const session = await open(login, ref, name).catch(async (error: unknown) => {
    if (!(error instanceof NotFoundError)) throw error;
    ref = findProject(project, login, await listProjects(login)).externalRef;
    return open(login, ref, name);
  });
  const entered = await enterPlace(login, { project: ref, slug: "dev", branch: name });
  return {
    connection: { apiUrl: login.apiUrl, ...entered },
    environmentId: session.environment.id,
    enrolToken: session.enrolToken,
    archive: async () => {
      const address = `/api/v1/projects/${encodeURIComponent(ref)}/dev-sessions/archive`;
      await asPerson(login, (client) =>
        client.request(ArchivedDevSession, "POST", address, { body: { name } }),
      );
    },
  };
};
