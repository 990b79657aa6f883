import { Command, CommanderError } from "commander";
import { exitCodes } from "./exit-codes.ts";
import { printJson } from "./terminal/output.ts";
import { cliVersion } from "./version.ts";

const wantsJson = process.argv.includes("--json");

const program = new Command("longshore")
  .description("Background tasks: develop, deploy, run.")
  .version(cliVersion)
  .showHelpAfterError(wantsJson ? false : "(longshore --help shows what there is)")
  .showSuggestionAfterError()
  .configureOutput({ outputError: (text, write) => (wantsJson ? undefined : write(text)) })
  .enablePositionalOptions()
  .exitOverride();

type Room = { names: string[]; add(): Promise<(program: Command) => void> };

// In the order of a project's life; help shows them so. A command loads its own module and no other, so that
// none waits for what another needs. Help and completion know them all.
const rooms: Room[] = [
  { names: ["init"], add: async () => (await import("./commands/init.ts")).addInitCommand },
  { names: ["dev"], add: async () => (await import("./commands/dev.ts")).addDevCommand },
  { names: ["trigger"], add: async () => (await import("./commands/trigger.ts")).addTriggerCommand },
  { names: ["runs"], add: async () => (await import("./commands/runs.ts")).addRunsCommand },
  { names: ["deploy"], add: async () => (await import("./commands/deploy.ts")).addDeployCommand },
  {
    names: ["promote", "rollback", "deployments"],
    add: async () => (await import("./commands/deployments.ts")).addDeploymentsCommand,
  },
  { names: ["preview"], add: async () => (await import("./commands/preview.ts")).addPreviewCommand },
  { names: ["env"], add: async () => (await import("./commands/env.ts")).addEnvCommand },
  { names: ["queues"], add: async () => (await import("./commands/queues.ts")).addQueuesCommand },
  { names: ["schedules"], add: async () => (await import("./commands/schedules.ts")).addSchedulesCommand },
  { names: ["analyze"], add: async () => (await import("./commands/analyze.ts")).addAnalyzeCommand },
  { names: ["login"], add: async () => (await import("./commands/login.ts")).addLoginCommand },
  { names: ["logout"], add: async () => (await import("./commands/logout.ts")).addLogoutCommand },
  { names: ["whoami"], add: async () => (await import("./commands/whoami.ts")).addWhoamiCommand },
  { names: ["projects"], add: async () => (await import("./commands/projects.ts")).addProjectsCommand },
  { names: ["profiles"], add: async () => (await import("./commands/profiles.ts")).addProfilesCommand },
  { names: ["server"], add: async () => (await import("./commands/server.ts")).addServerCommand },
  { names: ["agent"], add: async () => (await import("./commands/agent.ts")).addAgentCommand },
  {
    names: ["signing-key"],
    add: async () => (await import("./commands/signing-key.ts")).addSigningKeyCommand,
  },
  { names: [], add: async () => (await import("./commands/completion.ts")).addCompletionCommand },
];

const first = process.argv.slice(2).find((arg) => !arg.startsWith("-"));
const wanted = rooms.filter(({ names }) => first !== undefined && names.includes(first));
for (const { add } of wanted.length > 0 ? wanted : rooms) (await add())(program);

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
