import type { Command } from "commander";
import { makeSigningKey } from "../deploy/sign-deployment.ts";
import { print, printJson } from "../terminal/output.ts";
import { withCommon } from "./connection.ts";
import { runAction } from "./run-action.ts";

const make = async (file: string, { json }: { json?: boolean }): Promise<void> => {
  const name = await makeSigningKey(file);
  if (json) return printJson({ file, publicKey: name });
  print(`The private key is in ${file}: keep it where deployments are made, and nowhere near the API.`);
  print(`Agents trust it with: LONGSHORE_TRUSTED_KEYS=${name}`);
};

/** `longshore signing-key`. */
export const addSigningKeyCommand = (program: Command): void => {
  withCommon(program.command("signing-key"))
    .description("make a key that signs deployments, for agents that execute nothing else")
    .argument("<file>", "where to write the private key")
    .action((file: string, options: { json?: boolean }) => runAction(options, () => make(file, options)));
};
