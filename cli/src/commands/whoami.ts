import { Whoami } from "@longshore/shared/contract/account";
import type { Command } from "commander";
import { listProjects } from "../profiles/enter-place.ts";
import { findLogin } from "../profiles/find-login.ts";
import { asPerson } from "../profiles/person-client.ts";
import { print, printJson, printNote } from "../terminal/output.ts";
import {
  type ConnectionOptions,
  environmentOf,
  findConnection,
  findDev,
  getConnection,
  getLogin,
  withConnection,
} from "./connection.ts";
import { runAction } from "./run-action.ts";

/** Where commands go that are called like this one, without asking who a login is. */
const showWay = async (options: ConnectionOptions, via: "key" | "dev"): Promise<void> => {
  const connection = await getConnection(options);
  const { apiUrl } = connection;
  const place = await environmentOf(connection);
  if (options.json) return printJson({ apiUrl, via, environment: place });
  const branch = place.branch === null ? "" : `, ${via === "dev" ? "session" : "branch"} ${place.branch}`;
  const where = `${place.slug}${branch} of ${place.project.ref} (${place.project.name})`;
  print(
    via === "key" ? `A key of ${apiUrl}: ${where}` : `The longshore dev of this folder, ${apiUrl}: ${where}`,
  );
  if (via === "dev") {
    const login = await findLogin(options).catch(() => null);
    if (login?.name)
      printNote(`the login is that of profile ${login.name}: longshore whoami --profile ${login.name}`);
  }
};

const whoami = async (options: ConnectionOptions): Promise<void> => {
  if (findConnection(options).apiKey !== undefined) return showWay(options, "key");
  if (await findDev(options)) return showWay(options, "dev");
  const login = await getLogin(options);
  const who = await asPerson(login, (client) => client.request(Whoami, "GET", "/api/v2/whoami"));
  const projects = await listProjects(login);
  const { token, dashboardUrl, ...user } = who;
  if (options.json) {
    return printJson({ profile: login.name, apiUrl: login.apiUrl, dashboardUrl, user, token, projects });
  }
  print(`${who.email} on ${login.apiUrl} (${login.name === null ? "by token" : `profile ${login.name}`})`);
  print(
    `Token      ${token.name}, ${token.expiresAt ? `until ${token.expiresAt.slice(0, 10)}` : "without end"}`,
  );
  for (const { externalRef, name, environments } of projects) {
    const slugs = [...new Set(environments.map(({ slug }) => slug))].join(", ");
    print(`Project    ${externalRef}  ${name}  (${slugs})`);
  }
};

/** `longshore whoami`. */
export const addWhoamiCommand = (program: Command): void => {
  withConnection(program.command("whoami"))
    .description("who the login is, or where a key or the dev of this folder leads")
    .action((options: ConnectionOptions) => runAction(options, () => whoami(options)));
};
