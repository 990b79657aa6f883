/** What a run in development gets of the machine it runs on. */
export type Development = {
  /** Variables that win over those of the environment; asked for each run. */
  env(): Readonly<Record<string, string>>;
  /** Flag by which a debugger can attach to the process of a run, such as `--inspect=127.0.0.1:9229`. */
  inspect?: string;
};
