/** How the CLI ends. 130 is a command that Ctrl-C ended, as shells have it. */
export const exitCodes = {
  ok: 0,
  /** What was asked for did not work out; also a run that was waited for and did not complete. */
  failed: 1,
  /** The command was called wrongly, or the project's configuration is wrong. */
  badUsage: 2,
  /** Not signed in, signed in for too long, or not allowed to. */
  notAllowed: 3,
  notFound: 4,
  /** The API does not answer. */
  unreachable: 5,
  /** `agent start` ended for a reason that no restart mends; a supervisor should leave it ended (EX_CONFIG). */
  endedForGood: 78,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
