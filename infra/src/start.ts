import { bringUpLocal } from "./local/bring-up-local.ts";
import { firstRun } from "./local/first-run.ts";
import { readFlags } from "./local/options.ts";
import { atEnd, isEndingNow } from "./services/at-end.ts";

// `pnpm start`: everything on this machine, a first run, and then it stays up until Ctrl-C.
const defaultPort = 3030;
const say = (line: string) => console.log(line);

const readPort = (text: string | undefined): number => {
  const port = Number(text || defaultPort);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new Error(`PORT should be a port number, not "${text}"`);
};

const main = async (): Promise<void> => {
  const flags = readFlags(process.argv.slice(2));
  const port = readPort(process.env.PORT);
  const log = flags.verbose ? (line: string) => console.error(line) : () => undefined;
  const local = await bringUpLocal(
    { ...flags, port, dataDir: process.env.LONGSHORE_DATA ?? ".longshore", say },
    log,
  );
  atEnd({
    stop: async () => {
      say("\nShutting down");
      await local.close();
    },
    killNow: () => undefined,
  });
  const { api } = local;
  const run = await firstRun(api, say);
  say(
    `Result      ${run.error ?? JSON.stringify(run.output)} (started ${run.triggerToStartMs} ms after the trigger)`,
  );
  say(`
Dashboard   ${await api.signInUrl()}
            (signs you in once; start again for a new link)
API key     ${api.apiKey}

Trigger again:
  curl -X POST ${api.url}/api/v1/tasks/hello-world/trigger \\
    -H "authorization: Bearer ${api.apiKey}" -H "content-type: application/json" \\
    -d '{"payload":{"name":"you"}}'

Ctrl-C ends everything; the data stays.`);
  await local.agentEnded;
  // The agent also ends as a part of our own shutting down, which then goes on by itself.
  if (isEndingNow()) return;
  await local.close();
  throw new Error("the agent ended by itself; start again with --verbose to see why");
};

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
