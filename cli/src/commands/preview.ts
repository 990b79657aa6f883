import path from "node:path";
import { Branch } from "@longshore/shared/contract/env-vars";
import type { Command } from "commander";
import { detectBranch } from "../deploy/detect-branch.ts";
import { findProject, listProjects } from "../profiles/enter-place.ts";
import { asPerson } from "../profiles/person-client.ts";
import { askYes } from "../terminal/ask.ts";
import { print, printJson, printNote, table } from "../terminal/output.ts";
import { branchOf, type ConnectionOptions, getLogin, projectOf, withConnection } from "./connection.ts";
import { runAction } from "./run-action.ts";

type ArchiveOptions = ConnectionOptions & { yes?: boolean };

const enter = async (options: ConnectionOptions) => {
  const login = await getLogin(options);
  const projects = await listProjects(login);
  const project = findProject(await projectOf(options, path.resolve("."), login), login, projects);
  return { login, project };
};

const list = async (options: ConnectionOptions): Promise<void> => {
  const { project } = await enter(options);
  // Sessions of `dev` are branches of another environment.
  const data = project.environments.flatMap(({ id, slug, branch }) =>
    slug === "preview" && branch !== null ? [{ id, branch }] : [],
  );
  if (options.json) return printJson({ data });
  if (data.length === 0)
    return print("No preview branches. Make one with: longshore deploy --env preview --branch <name>");
  print(table([["BRANCH", "ENVIRONMENT"], ...data.map(({ branch, id }) => [branch, id])]));
};

/** Where a build service archives the branch it was told of. */
const checkedOut = async (): Promise<string> => {
  const { name, from } = await detectBranch(".");
  printNote(`branch ${name} (from ${from})`);
  return name;
};

const archive = async (named: string | undefined, options: ArchiveOptions): Promise<void> => {
  const branch = named ?? branchOf(options) ?? (await checkedOut());
  const { login, project } = await enter(options);
  const isMeant = await askYes(
    options,
    `Archive the preview branch ${branch}? Nothing reaches it then.`,
    true,
  );
  if (!isMeant) return print("Nothing was changed.");
  const address = `/api/v1/projects/${encodeURIComponent(project.externalRef)}/branches/archive`;
  const archived = await asPerson(login, (client) =>
    client.request(Branch, "POST", address, { body: { branch } }),
  );
  if (options.json) return printJson(archived);
  print(`Branch ${archived.branch} is archived. A deployment to it brings it back.`);
};

/** `longshore preview list|archive`. */
export const addPreviewCommand = (program: Command): void => {
  const preview = program.command("preview").description("the branches of the preview environment");
  withConnection(preview.command("list"))
    .description("the branches that there are")
    .action((options: ConnectionOptions) => runAction(options, () => list(options)));
  withConnection(preview.command("archive"))
    .description("put a branch away: no key reaches it, and its schedules stop")
    .argument("[branch]", "name of the branch")
    .option("-y, --yes", "do not ask")
    .action((branch: string | undefined, options: ArchiveOptions) =>
      runAction(options, () => archive(branch, options)),
    );
};
