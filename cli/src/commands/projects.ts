import { CreatedProject } from "@longshore/shared/contract/account";
import type { Command } from "commander";
import { listProjects } from "../profiles/enter-place.ts";
import { asPerson } from "../profiles/person-client.ts";
import { print, printJson, printNote, table } from "../terminal/output.ts";
import { style } from "../terminal/style.ts";
import { type ConnectionOptions, getLogin, withConnection, withLogin } from "./connection.ts";
import { runAction } from "./run-action.ts";

type CreateOptions = ConnectionOptions & { org?: string };

const list = async (options: ConnectionOptions): Promise<void> => {
  const data = await listProjects(await getLogin(options));
  if (options.json) return printJson({ data });
  if (data.length === 0) return print("No projects.");
  const rows = data.map(({ externalRef, name, organization, environments }) => [
    externalRef,
    name,
    organization.title,
    environments.map(({ slug, branch }) => (branch === null ? slug : `${slug}/${branch}`)).join(" "),
  ]);
  print(table([["REF", "NAME", "ORGANIZATION", "ENVIRONMENTS"], ...rows]));
};

const create = async (name: string, options: CreateOptions): Promise<void> => {
  const login = await getLogin(options);
  const body = { name, ...(options.org === undefined ? {} : { organization: options.org }) };
  const made = await asPerson(login, (client) =>
    client.request(CreatedProject, "POST", "/api/v1/projects", { body }),
  );
  if (options.json) return printJson(made);
  const { externalRef, created, organization, environments } = made;
  if (!created) return print(`${organization.title} has a project "${made.name}" already: ${externalRef}`);
  const slugs = environments.map(({ slug }) => slug).join(", ");
  print(`${style("green", "✓")} Project ${style("bold", externalRef)} (${made.name}) with ${slugs}`);
  printNote(`next: name it in longshore.config.ts (project: "${externalRef}"), then longshore deploy`);
};

/** `longshore projects list|create`. */
export const addProjectsCommand = (program: Command): void => {
  const projects = program.command("projects").description("the projects that the login may see");
  withConnection(projects.command("list"))
    .description("projects and their environments")
    .action((options: ConnectionOptions) => runAction(options, () => list(options)));
  withLogin(projects.command("create"))
    .description("make a project with the environments dev, stg and prod")
    .argument("<name>", "how it is called")
    .option("--org <slug>", "organization, for who administers several")
    .action((name: string, options: CreateOptions) => runAction(options, () => create(name, options)));
};
