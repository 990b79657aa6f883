import type { Command } from "commander";
import { startServer } from "../adapters/server.ts";
import { print, printJson, printNote } from "../terminal/output.ts";
import { parseCount } from "../terminal/parse-count.ts";
import { aborted, interruptSignal } from "../terminal/until-interrupted.ts";
import { withCommon } from "./connection.ts";
import { runAction } from "./run-action.ts";

type Options = { port?: number; dataDir?: string; json?: boolean };

const serve = async (options: Options): Promise<void> => {
  const interrupted = interruptSignal();
  const server = await startServer(process.env, {
    ...(options.port === undefined ? {} : { port: options.port }),
    ...(options.dataDir === undefined ? {} : { dataDir: options.dataDir }),
    log: printNote,
  });
  const { apiKey, signInUrl } = server.bootstrap;
  if (options.json) printJson({ url: server.url, apiKey, signInUrl });
  else {
    print(`API        ${server.url}`);
    if (signInUrl !== null) print(`Dashboard  ${signInUrl}`);
    print(`API key    ${apiKey ?? "made at an earlier start (only its hash is kept)"}`);
  }
  await aborted(interrupted);
  await server.close();
};

/** `longshore server`. */
export const addServerCommand = (program: Command): void => {
  withCommon(program.command("server"))
    .description("start the API and dashboard: embedded, or on DATABASE_URL")
    .option("--port <port>", "port to listen on", parseCount)
    .option("--data-dir <dir>", "folder of the embedded database and bundles")
    .action((options: Options) => runAction(options, () => serve(options)));
};
