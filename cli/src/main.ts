import { Command, CommanderError } from "commander";
import { addAgentCommand } from "./commands/agent.ts";
import { addAnalyzeCommand } from "./commands/analyze.ts";
import { addCompletionCommand } from "./commands/completion.ts";
import { addDeployCommand } from "./commands/deploy.ts";
import { addDeploymentsCommand } from "./commands/deployments.ts";
import { addDevCommand } from "./commands/dev.ts";
import { addEnvCommand } from "./commands/env.ts";
import { addInitCommand } from "./commands/init.ts";
import { addLoginCommand } from "./commands/login.ts";
import { addLogoutCommand } from "./commands/logout.ts";
import { addPreviewCommand } from "./commands/preview.ts";
import { addProfilesCommand } from "./commands/profiles.ts";
import { addQueuesCommand } from "./commands/queues.ts";
import { addRunsCommand } from "./commands/runs.ts";
import { addSchedulesCommand } from "./commands/schedules.ts";
import { addServerCommand } from "./commands/server.ts";
import { addSigningKeyCommand } from "./commands/signing-key.ts";
import { addTriggerCommand } from "./commands/trigger.ts";
import { addWhoamiCommand } from "./commands/whoami.ts";
import { exitCodes } from "./exit-codes.ts";
import { printJson } from "./terminal/output.ts";
import { cliVersion } from "./version.ts";

const wantsJson = process.argv.includes("--json");

const program = new Command("longshore")
  .description("Background tasks: develop, deploy, run.")
  .version(cliVersion)
  .showHelpAfterError("(longshore --help shows what there is)")
  .showSuggestionAfterError()
  .configureOutput({ outputError: (text, write) => (wantsJson ? undefined : write(text)) })
  .enablePositionalOptions()
  .exitOverride();

// In the order of a project's life; help shows them so.
addInitCommand(program);
addDevCommand(program);
addTriggerCommand(program);
addRunsCommand(program);
addDeployCommand(program);
addDeploymentsCommand(program);
addPreviewCommand(program);
addEnvCommand(program);
addQueuesCommand(program);
addSchedulesCommand(program);
addAnalyzeCommand(program);
addLoginCommand(program);
addLogoutCommand(program);
addWhoamiCommand(program);
addProfilesCommand(program);
addServerCommand(program);
addAgentCommand(program);
addSigningKeyCommand(program);
addCompletionCommand(program);

/** Whoever reads the output may stop reading: `longshore runs list | head`. */
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(exitCodes.ok);
  throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  const isWrong = error.exitCode !== 0;
  process.exitCode = isWrong ? exitCodes.badUsage : exitCodes.ok;
  if (isWrong && wantsJson) {
    const message = error.message.replace(/^error: /, "");
    printJson({
      error: { message, next: "longshore --help shows what there is", exitCode: exitCodes.badUsage },
    });
  }
}
