/** Ends at once on a second Ctrl-C, with the exit code that shells expect. */
const forcedExitCode = 130;

/**
 * Aborts on the first Ctrl-C or SIGTERM, so that the caller can end in order; the second one ends the process.
 */
export const interruptSignal = (): AbortSignal => {
  const abort = new AbortController();
  const onSignal = () => {
    if (abort.signal.aborted) process.exit(forcedExitCode);
    abort.abort();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return abort.signal;
};

/** Resolves when the signal aborts. */
export const aborted = (signal: AbortSignal): Promise<void> =>
  signal.aborted
    ? Promise.resolve()
    : new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
