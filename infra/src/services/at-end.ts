/**
 * What must happen before this process is gone.
 *
 * Shape: `stop` is the orderly way, used on SIGINT, SIGTERM, SIGHUP and when our parent is gone; `killNow` is the synchronous last resort,
 * used when the process exits without having stopped.
 */
export interface Ending {
  stop(): Promise<void>;
  killNow(): void;
}

const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
const STOP_MS_MAX = 30_000;
/** One Ctrl-C can arrive twice: from the terminal and from a wrapper that passes it on. */
const SAME_SIGNAL_MS = 500;
type EndSignal = keyof typeof EXIT_CODES;

const endings = new Set<Ending>();
let endingSince: number | undefined;

/**
 * Registers something to end with this process; the answer takes it off the list again.
 *
 * Signal handlers are in place only while the list is not empty, so a process that owns nothing keeps its defaults.
 * The youngest ends first. A second signal skips the orderly way.
 */
export function atEnd(ending: Ending): () => void {
  if (endings.size === 0) listen();
  endings.add(ending);
  return () => {
    if (endings.delete(ending) && endings.size === 0 && !isEndingNow()) unlisten();
  };
}

/** True when a signal has come: whoever waits for our services should not mistake their end for a failure. */
export function isEndingNow(): boolean {
  return endingSince !== undefined;
}

function listen(): void {
  for (const signal of Object.keys(EXIT_CODES)) process.on(signal, endOnSignal);
  process.on("exit", killAll);
  process.on("disconnect", endAsOrphan);
  // Listening must not keep us alive; but who waits for messages (a test runner's worker) lives by this channel, and
  // would be gone before it was told to stop.
  if (process.listenerCount("message") === 0) process.channel?.unref();
}

function unlisten(): void {
  for (const signal of Object.keys(EXIT_CODES)) process.off(signal, endOnSignal);
  process.off("exit", killAll);
  process.off("disconnect", endAsOrphan);
}

/** Whoever forked us (tsx, a test runner) is gone. */
function endAsOrphan(): void {
  endOnSignal("SIGHUP");
}

function endOnSignal(signal: EndSignal): void {
  const exit = () => exitNow(EXIT_CODES[signal]);
  if (endingSince !== undefined) {
    if (performance.now() - endingSince > SAME_SIGNAL_MS) exit();
    return;
  }
  endingSince = performance.now();
  setTimeout(exit, STOP_MS_MAX);
  stopAll().finally(exit);
}

function exitNow(code: number): void {
  try {
    process.exit(code);
  } catch {
    // Test runners turn process.exit into an error.
    killAll();
    process.kill(process.pid, "SIGKILL");
  }
}

async function stopAll(): Promise<void> {
  for (const ending of [...endings].reverse()) await ending.stop().catch(() => undefined);
}

function killAll(): void {
  for (const ending of [...endings].reverse()) ending.killNow();
}
