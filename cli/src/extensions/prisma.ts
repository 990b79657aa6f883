import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { findPackage } from "../bundle/package-of.ts";
import type { BuildContext, BuildExtension } from "./build-extension.ts";

const run = promisify(execFile);
/** Units: milliseconds. */
const commandMsMax = 5 * 60_000;

/**
 * Options of `prismaExtension`. `legacy`: the `prisma-client-js` generator; its client is generated here before each
 * deployment. `engine-only` and `modern`: the project generates its client itself.
 */
export type PrismaOptions =
  | {
      mode: "legacy";
      /** A schema file, or a folder of them. */
      schema?: string;
      configFile?: string;
      /** Applies the migrations before the version becomes current; needs `directUrlEnvVarName`. */
      migrate?: boolean;
      typedSql?: boolean;
      clientGenerator?: string;
      /** The variable of this machine with the address that migrations use. */
      directUrlEnvVarName?: string;
      version?: string;
    }
  | { mode: "engine-only"; version?: string; binaryTarget?: string; silent?: boolean }
  | { mode: "modern" };

const prisma = async (
  context: BuildContext,
  args: string[],
  env: Record<string, string> = {},
): Promise<void> => {
  const dir = findPackage("prisma", context.workingDir);
  if (dir === null)
    throw new Error('prismaExtension needs the "prisma" package in the project: npm install -D prisma');
  context.logger.progress(`prisma ${args.slice(0, 2).join(" ")}`);
  try {
    await run(process.execPath, [path.join(dir, "build/index.js"), ...args], {
      cwd: context.workingDir,
      env: { ...process.env, ...env },
      timeout: commandMsMax,
    });
  } catch (error) {
    const { stderr, stdout, message } = error as { stderr?: string; stdout?: string; message: string };
    throw new Error(`prisma ${args.join(" ")} failed: ${(stderr || stdout || message).trim()}`);
  }
};

type Legacy = Extract<PrismaOptions, { mode: "legacy" }>;

/** How the project's schema is named to Prisma. Errors: throws when it is missing. */
const schemaArgs = (context: BuildContext, { schema, configFile }: Legacy): string[] => {
  if ((schema === undefined) === (configFile === undefined)) {
    throw new Error("prismaExtension: give `schema` or `configFile`");
  }
  const file = path.resolve(context.workingDir, schema ?? configFile ?? "");
  if (!existsSync(file)) throw new Error(`prismaExtension: there is no ${schema ?? configFile}`);
  return schema === undefined ? ["--config", file] : ["--schema", file];
};

const migrate = async (context: BuildContext, options: Legacy): Promise<void> => {
  const name = options.directUrlEnvVarName ?? "DATABASE_URL";
  const url = process.env[name];
  if (!url) throw new Error(`prismaExtension: \`migrate\` needs ${name} here, where the deployment is made`);
  await prisma(context, ["migrate", "deploy", ...schemaArgs(context, options)], { [name]: url });
};

const legacy = (options: Legacy): BuildExtension => ({
  name: "prisma",
  externalsForTarget: () => ["@prisma/client", ".prisma/client", "@prisma/engines"],
  async onBuildStart(context) {
    const schema = schemaArgs(context, options);
    if (context.target !== "deploy") return;
    const generator = options.clientGenerator === undefined ? [] : ["--generator", options.clientGenerator];
    await prisma(context, ["generate", ...schema, ...generator, ...(options.typedSql ? ["--sql"] : [])]);
  },
  async onBuildComplete(context) {
    if (context.target === "deploy" && options.migrate) await migrate(context, options);
  },
});

/** Prisma's client stays outside the bundle, with what it has generated. See `PrismaOptions` for the modes. */
export const prismaExtension = (options: PrismaOptions): BuildExtension =>
  options.mode === "legacy"
    ? legacy(options)
    : { name: "prisma", externalsForTarget: () => ["@prisma/client", "@prisma/engines"] };
