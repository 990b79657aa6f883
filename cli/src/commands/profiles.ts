import type { Command } from "commander";
import { CliError } from "../cli-error.ts";
import { exitCodes } from "../exit-codes.ts";
import { profilesFile, readProfiles, removeProfile, writeProfiles } from "../profiles/profile-store.ts";
import { print, printJson, table } from "../terminal/output.ts";
import { type CommonOptions, withCommon } from "./connection.ts";
import { runAction } from "./run-action.ts";

const list = async ({ json }: CommonOptions): Promise<void> => {
  const { current, profiles } = await readProfiles();
  const data = Object.entries(profiles).map(([name, { apiUrl, email, expiresAt }]) => ({
    name,
    apiUrl,
    email,
    expiresAt,
    isCurrent: name === current,
  }));
  if (json) return printJson({ data, file: profilesFile() });
  if (data.length === 0) return print("No profiles. Make one with: longshore login");
  const rows = data.map(({ name, apiUrl, email, expiresAt, isCurrent }) => [
    isCurrent ? "*" : "",
    name,
    apiUrl,
    email ?? "",
    expiresAt?.slice(0, 10) ?? "",
  ]);
  print(table([["", "NAME", "API", "USER", "UNTIL"], ...rows]));
};

const requireProfile = async (name: string) => {
  const known = await readProfiles();
  if (known.profiles[name] !== undefined) return known;
  const names = Object.keys(known.profiles);
  throw new CliError(`there is no profile "${name}"`, {
    next: names.length === 0 ? "longshore login makes one" : `there are: ${names.join(", ")}`,
    exitCode: exitCodes.notFound,
  });
};

const use = async (name: string, { json }: CommonOptions): Promise<void> => {
  const known = await requireProfile(name);
  await writeProfiles({ ...known, current: name });
  if (json) return printJson({ current: name });
  print(`${name} is current: ${known.profiles[name]?.apiUrl}`);
};

const remove = async (name: string, { json }: CommonOptions): Promise<void> => {
  await requireProfile(name);
  await removeProfile(name);
  if (json) return printJson({ removed: name });
  print(`${name} is forgotten here. Its token goes on working: longshore logout would have revoked it.`);
};

/** `longshore profiles list|use|remove`. */
export const addProfilesCommand = (program: Command): void => {
  const profiles = program.command("profiles").description("logins of this machine, one for each instance");
  withCommon(profiles.command("list"))
    .description("what there is; * is current")
    .action((options: CommonOptions) => runAction(options, () => list(options)));
  withCommon(profiles.command("use"))
    .description("make a profile the current one")
    .argument("<name>", "name of the profile")
    .action((name: string, options: CommonOptions) => runAction(options, () => use(name, options)));
  withCommon(profiles.command("remove"))
    .description("forget a profile, and leave its token as it is")
    .argument("<name>", "name of the profile")
    .action((name: string, options: CommonOptions) => runAction(options, () => remove(name, options)));
};
