import { writeFile } from "node:fs/promises";
import path from "node:path";
import { type Client, NotFoundError } from "@longshore/sdk";
import { EnvVar, EnvVarList, Success } from "@longshore/shared/contract/env-vars";
import type { Command } from "commander";
import { CliError } from "../cli-error.ts";
import { requireEnvFile } from "../env/read-env-file.ts";
import { writeEnvText } from "../env/write-env-text.ts";
import { exitCodes } from "../exit-codes.ts";
import { askYes, canAsk } from "../terminal/ask.ts";
import { countOf } from "../terminal/count-of.ts";
import { print, printJson, printNote, table } from "../terminal/output.ts";
import { readInput } from "../terminal/read-input.ts";
import { type ConnectionOptions, connect, getConnection, placeOf, withConnection } from "./connection.ts";
import { runAction } from "./run-action.ts";

type SetOptions = ConnectionOptions & { secret?: boolean };
type PullOptions = ConnectionOptions & { output: string; force?: boolean };
type ImportOptions = ConnectionOptions & { override?: boolean; secret?: boolean };

/** The variables of one environment, as this command talks to them. */
type Vars = {
  call: <T>(
    schema: { parse(value: unknown): T },
    method: string,
    tail?: string,
    body?: unknown,
  ) => Promise<T>;
  where: string;
};

const enter = async (options: ConnectionOptions): Promise<Vars> => {
  const connection = await getConnection(options);
  const place = await placeOf(connection);
  const client: Client = connect(connection);
  const address = `/api/v1/projects/${encodeURIComponent(place.project)}/envvars/${place.slug}`;
  const headers: Record<string, string> = place.branch === null ? {} : { "x-trigger-branch": place.branch };
  return {
    call: (schema, method, tail = "", body) =>
      client.request(schema, method, `${address}${tail}`, {
        headers,
        ...(body === undefined ? {} : { body }),
      }),
    where: place.branch === null ? place.slug : `${place.slug}/${place.branch}`,
  };
};

const tailOf = (name: string): string => `/${encodeURIComponent(name)}`;

const list = async (options: ConnectionOptions): Promise<void> => {
  const { call, where } = await enter(options);
  const data = await call(EnvVarList, "GET");
  if (options.json) return printJson({ data });
  if (data.length === 0) return print(`No variables in ${where}.`);
  const rows = data.map(({ name, value, isSecret }) => [
    name,
    isSecret ? "(secret)" : (value.split("\n")[0] ?? ""),
  ]);
  print(table([["NAME", "VALUE"], ...rows]));
};

const get = async (name: string, options: ConnectionOptions): Promise<void> => {
  const found = await (await enter(options)).call(EnvVar, "GET", tailOf(name));
  if (options.json) return printJson(found);
  if (found.isSecret) throw new CliError(`${name} is a secret: its value is never read back`);
  print(found.value);
};

/** `NAME=value`, `NAME value`, or `NAME` with the value on standard input. */
const assignmentOf = async (first: string, second: string | undefined): Promise<[string, string]> => {
  const at = first.indexOf("=");
  if (second === undefined && at > 0) return [first.slice(0, at), first.slice(at + 1)];
  if (second !== undefined && second !== "-") return [first, second];
  if (second === undefined && process.stdin.isTTY) {
    throw new CliError(`no value for ${first}`, {
      next: `longshore env set ${first}=<value>, or give it on standard input`,
      exitCode: exitCodes.badUsage,
    });
  }
  return [first, (await readInput()).replace(/\r?\n$/, "")];
};

const set = async (first: string, second: string | undefined, options: SetOptions): Promise<void> => {
  const [name, value] = await assignmentOf(first, second);
  const { call, where } = await enter(options);
  const body = { name, value, ...(options.secret ? { isSecret: true } : {}) };
  await call(Success, "POST", "", body);
  if (options.json) return printJson({ name, environment: where });
  print(`${name} is set in ${where}; runs that start from now on get it.`);
};

/** Names that are not there stop none of the others. */
const unset = async (names: string[], options: ConnectionOptions): Promise<void> => {
  const { call, where } = await enter(options);
  const missing: string[] = [];
  for (const name of new Set(names)) {
    await call(Success, "DELETE", tailOf(name)).catch((error: unknown) => {
      if (!(error instanceof NotFoundError)) throw error;
      missing.push(name);
    });
  }
  const removed = [...new Set(names)].filter((name) => !missing.includes(name));
  const told = `${removed.join(", ")} ${removed.length === 1 ? "is" : "are"} no longer set in ${where}`;
  if (missing.length > 0) {
    throw new CliError(
      `${where} has no ${missing.length === 1 ? "variable" : "variables"} ${missing.join(", ")}`,
      {
        ...(removed.length === 0 ? {} : { detail: told }),
        next: "longshore env list",
        exitCode: exitCodes.notFound,
      },
    );
  }
  if (options.json) return printJson({ names: removed, environment: where });
  print(`${told}.`);
};

/** Never writes over a file unasked. */
const writeWhole = async (file: string, text: string, options: PullOptions): Promise<void> => {
  const written = await writeFile(file, text, { flag: options.force ? "w" : "wx", mode: 0o600 }).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "EEXIST") return false;
      throw new CliError(`${file} cannot be written (${error.code})`, { cause: error });
    },
  );
  if (written) return;
  const mayReplace = canAsk(options) && (await askYes(options, `Replace ${file}?`, false));
  if (!mayReplace) {
    throw new CliError(`${file} is there already`, {
      next: "pass --force to replace it, or --output <file>",
      exitCode: exitCodes.badUsage,
    });
  }
  await writeFile(file, text, { mode: 0o600 });
};

const pull = async (options: PullOptions): Promise<void> => {
  const { call, where } = await enter(options);
  const data = await call(EnvVarList, "GET");
  const plain = data.filter(({ isSecret }) => !isSecret);
  const secrets = data.filter(({ isSecret }) => isSecret).map(({ name }) => name);
  const text = writeEnvText(Object.fromEntries(plain.map(({ name, value }) => [name, value])));
  await writeWhole(path.resolve(options.output), text, options);
  if (options.json) return printJson({ file: options.output, names: plain.map(({ name }) => name), secrets });
  print(
    `${countOf(plain.length, "variable")} of ${where} ${plain.length === 1 ? "is" : "are"} in ${options.output}.`,
  );
  if (secrets.length > 0) printNote(`secrets are never read back, so not in it: ${secrets.join(", ")}`);
};

const importFile = async (file: string, options: ImportOptions): Promise<void> => {
  const variables = await requireEnvFile(file);
  const names = Object.keys(variables);
  if (names.length === 0) throw new CliError(`${file} holds no variables`, { exitCode: exitCodes.badUsage });
  const { call, where } = await enter(options);
  const before = new Set((await call(EnvVarList, "GET")).map(({ name }) => name));
  const override = options.override === true;
  const body = { variables, override, ...(options.secret ? { isSecret: true } : {}) };
  await call(Success, "POST", "/import", body);
  const kept = override ? [] : names.filter((name) => before.has(name));
  const written = names.filter((name) => !kept.includes(name));
  if (options.json) return printJson({ environment: where, written, kept });
  print(`${countOf(written.length, "variable")} ${written.length === 1 ? "is" : "are"} set in ${where}.`);
  if (kept.length > 0) printNote(`kept as they were (--override replaces them): ${kept.join(", ")}`);
};

/** `longshore env list|get|set|unset|pull|import`. */
export const addEnvCommand = (program: Command): void => {
  const env = program.command("env").description("environment variables of runs");
  withConnection(env.command("list"))
    .description("names and values; those of secrets are not shown")
    .action((options: ConnectionOptions) => runAction(options, () => list(options)));
  withConnection(env.command("get"))
    .description("the value of one variable")
    .argument("<name>", "name of the variable")
    .action((name: string, options: ConnectionOptions) => runAction(options, () => get(name, options)));
  withConnection(env.command("set"))
    .description("set a variable; its value may come on standard input")
    .argument("<name[=value]>", "name, and the value")
    .argument("[value]", "the value; - reads standard input")
    .option("--secret", "never show its value again")
    .action((first: string, second: string | undefined, options: SetOptions) =>
      runAction(options, () => set(first, second, options)),
    );
  withConnection(env.command("unset"))
    .description("remove variables")
    .argument("<name...>", "names of the variables")
    .action((names: string[], options: ConnectionOptions) => runAction(options, () => unset(names, options)));
  withConnection(env.command("pull"))
    .description("write the variables to a file, without secrets")
    .option("-o, --output <file>", "the file", ".env")
    .option("--force", "replace the file")
    .action((options: PullOptions) => runAction(options, () => pull(options)));
  withConnection(env.command("import"))
    .description("set the variables of a file")
    .argument("[file]", "the file", ".env")
    .option("--override", "also those that are set already")
    .option("--secret", "never show their values again")
    .action((file: string, options: ImportOptions) => runAction(options, () => importFile(file, options)));
};
