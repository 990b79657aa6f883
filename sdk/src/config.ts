import type { MachinePreset } from "@longshore/shared/contract/machines";
import type { RetryOptions } from "./task.ts";

/**
 * A project, as `longshore.config.ts` (or `trigger.config.ts`) exports it by default. Keys that only the reference
 * system knows are allowed and ignored.
 *
 * Units: `maxDuration` in seconds of execution; `ttl` a duration or seconds.
 */
export type LongshoreConfig = {
  /** The project's reference, `proj_…`. */
  project: string;
  /** Folders with task files. By default every `trigger` or `tasks` folder. */
  dirs?: string[];
  /** Globs of files in `dirs` that hold no tasks; tests are never taken. */
  ignorePatterns?: string[];
  maxDuration?: number;
  ttl?: string | number;
  machine?: MachinePreset;
  retries?: { enabledInDev?: boolean; default?: RetryOptions };
  build?: { external?: string[] };
  [other: string]: unknown;
};

/** Types the project's configuration. */
export const defineConfig = (config: LongshoreConfig): LongshoreConfig => config;

export type TriggerConfig = LongshoreConfig;
