import { Command, CommanderError } from "commander";
import { addAgentCommand } from "./commands/agent.ts";
import { addDeployCommand } from "./commands/deploy.ts";
import { addDevCommand } from "./commands/dev.ts";
import { addRunsCommand } from "./commands/runs.ts";
import { addServerCommand } from "./commands/server.ts";
import { addSigningKeyCommand } from "./commands/signing-key.ts";
import { addTriggerCommand } from "./commands/trigger.ts";
import { cliVersion } from "./version.ts";

/** Exit code of a command that was called wrongly. */
const badUsage = 2;

const program = new Command("longshore")
  .description("Background tasks: develop, deploy, run.")
  .version(cliVersion)
  .showHelpAfterError("(longshore --help shows what there is)")
  .exitOverride();

addDevCommand(program);
addDeployCommand(program);
addSigningKeyCommand(program);
addTriggerCommand(program);
addRunsCommand(program);
addServerCommand(program);
addAgentCommand(program);

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : badUsage;
}
