import { logLevels as all } from "@longshore/shared/contract/runs";
import type { ProjectConfig } from "./load-config.ts";

/** The statement of a bundle that tells its logger which levels it writes; nothing when the configuration sets none. */
export const logLevelsStatement = ({ logLevel }: ProjectConfig): string => {
  if (logLevel === undefined) return "";
  const written = logLevel === "none" ? [] : all.slice(all.indexOf(logLevel));
  return ` globalThis[Symbol.for("longshore.log-levels")] = ${JSON.stringify(written)};`;
};
