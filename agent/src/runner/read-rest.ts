/** How the output of an executor that is through ends: by marks, with what its pipes hold, or by being closed. */
export type OutputEnd = "marked" | "unmarked" | "closed";

/** How long it is waited for while none comes: a process that the executor left behind may hold the pipe open. Units: milliseconds. */
const graceMs = 500;
/** How long while some comes. What a process left behind may write for ever; then nobody sets a mark. Units: milliseconds. */
const msMax = { marked: 10_000, unmarked: 2_000, closed: 2_000 };
/** More than the pipes of an executor hold. Units: characters. */
const pipedCharsMax = 1024 * 1024;

type Output = { ended: Promise<void>; charsRead(): number };

/** What was in a stream when a turn of the event loop began has been read when it ends. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const endsWithin = async (isEnded: Promise<true>, ms: number): Promise<boolean> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  return Promise.race([isEnded, late]).finally(() => clearTimeout(timer));
};

/** To the end marks, or the ends, of both streams. */
const untilEnded = async ({ ended, charsRead }: Output, withinMs: number): Promise<boolean> => {
  const isEnded = ended.then(() => true as const);
  const endsAt = performance.now() + withinMs;
  for (let before = -1; before !== charsRead() && performance.now() < endsAt; ) {
    before = charsRead();
    if (await endsWithin(isEnded, graceMs)) return true;
    await turn(); // what lay there while this process was kept from reading
  }
  return Promise.race([isEnded, turn().then(() => false)]);
};

/** All of it is in the streams: they are empty when a turn brings no more. */
const untilQuiet = async ({ charsRead }: Output): Promise<boolean> => {
  await turn(); // this one may have begun before
  await turn();
  const most = charsRead() + pipedCharsMax;
  const endsAt = performance.now() + msMax.unmarked;
  for (let before = -1; before !== charsRead(); await turn()) {
    before = charsRead();
    if (before > most || performance.now() > endsAt) return false; // that is not the run's any more
  }
  return true;
};

/** Reads what a run has written, once it is over. Shape: whether that is all of it. */
export const readRest = (output: Output, end: OutputEnd): Promise<boolean> =>
  end === "unmarked" ? untilQuiet(output) : untilEnded(output, msMax[end]);
