import type { MachinePreset } from "@longshore/shared/contract/machines";
import type { RetryOptions } from "./lifecycle/hooks.ts";

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
  machine?: MachinePreset | { preset: MachinePreset };
  /** `enabledInDev: false` leaves every run of `longshore dev` a single attempt. */
  retries?: { enabledInDev?: boolean; default?: RetryOptions };
  /**
   * Lets a process serve further runs of the same version (at most 50 unless said), one after the other, instead of one:
   * faster, but what a module keeps in memory is seen by later runs. A run that fails to end cleanly ends its process.
   */
  processKeepAlive?:
    | boolean
    | { enabled: boolean; maxExecutionsPerProcess?: number; [other: string]: unknown };
  /** The least that `logger.*` writes: `none`, `error`, `warn`, `log`, `info` or `debug`. Everything unless said. */
  logLevel?: "none" | "error" | "warn" | "log" | "info" | "debug";
  /** The compiler's settings to use; the nearest `tsconfig.json` otherwise. */
  tsconfig?: string;
  build?: {
    /** Packages that stay outside the bundle, by name or with `*`. */
    external?: string[];
    /** Whether packages with native modules are found and left out too; so unless it is false. */
    autoDetectExternal?: boolean;
    /** More conditions by which packages choose their files. */
    conditions?: string[];
    keepNames?: boolean;
    minify?: boolean;
    jsx?: { factory?: string; fragment?: string; automatic?: boolean };
    /** What functions such as `aptGet` of `longshore/build` answer. */
    extensions?: { name: string }[];
  };
  [other: string]: unknown;
};

/** Types the project's configuration. */
export const defineConfig = (config: LongshoreConfig): LongshoreConfig => config;

/** The name that the reference system gives it. */
export type TriggerConfig = LongshoreConfig;
