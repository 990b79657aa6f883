import { parseArgs } from "node:util";

/** Flags of `pnpm start` and `pnpm demo`. */
export type LocalFlags = {
  runtime: "auto" | "docker" | "process";
  platform: "node" | "workerd";
  verbose: boolean;
};

const oneOf = <T extends string>(flag: string, value: string, allowed: readonly T[]): T => {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined)
    throw new Error(`--${flag} should be one of ${allowed.join(", ")}, not "${value}"`);
  return found;
};

/** Errors: an unknown flag or value, named. */
export const readFlags = (args: string[]): LocalFlags => {
  const { values } = parseArgs({
    args: args.filter((arg) => arg !== "--"),
    options: {
      runtime: { type: "string", default: "auto" },
      platform: { type: "string", default: "node" },
      verbose: { type: "boolean", default: false },
    },
  });
  return {
    runtime: oneOf("runtime", values.runtime, ["auto", "docker", "process"]),
    platform: oneOf("platform", values.platform, ["node", "workerd"]),
    verbose: values.verbose,
  };
};
