import type { Command } from "commander";
import { CliError } from "../cli-error.ts";
import { exitCodes } from "../exit-codes.ts";
import { findLogin } from "../profiles/find-login.ts";
import { asPerson } from "../profiles/person-client.ts";
import { removeProfile } from "../profiles/profile-store.ts";
import { print, printJson } from "../terminal/output.ts";
import { type CommonOptions, withLogin } from "./connection.ts";
import { runAction } from "./run-action.ts";

type Options = CommonOptions & { profile?: string; apiUrl?: string; local?: boolean };

const logout = async (options: Options): Promise<void> => {
  const login = await findLogin(options, {
    ...process.env,
    LONGSHORE_ACCESS_TOKEN: "",
    TRIGGER_ACCESS_TOKEN: "",
  });
  if (login?.name == null) {
    throw new CliError("not signed in: there is nothing to end", { exitCode: exitCodes.notAllowed });
  }
  let revoked = false;
  if (!options.local) {
    revoked = await asPerson(login, (client) => client.send("DELETE", "/api/v2/whoami")).then(
      () => true,
      (error: unknown) => {
        // A token that is over needs no ending.
        if (error instanceof CliError) return false;
        throw error;
      },
    );
  }
  await removeProfile(login.name);
  if (options.json) return printJson({ profile: login.name, apiUrl: login.apiUrl, revoked });
  print(`Signed out of ${login.apiUrl} (profile ${login.name})${revoked ? "; its token is revoked" : ""}.`);
};

/** `longshore logout`. */
export const addLogoutCommand = (program: Command): void => {
  withLogin(program.command("logout"))
    .description("revoke the login's token and forget it")
    .option("--local", "only forget it here; the token goes on working")
    .action((options: Options) => runAction(options, () => logout(options)));
};
