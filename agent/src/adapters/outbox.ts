import { appendFile, type FileHandle, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { crc32 } from "node:zlib";
import type { Fact } from "@longshore/shared/contract/agent-protocol";
import { isFinal } from "../core/execution.ts";
import type { Logger } from "../ports/logger.ts";
import type { Mark, NewFact, Outbox } from "../ports/outbox.ts";

/** What was renamed is so after a power loss as well: else the file of before could come back, without what was synced since. */
const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/**
 * The outbox as an append-only log.
 *
 * I1  Each line is `<crc32> <json>`. A line that does not match is put aside (`<path>.damaged`); all whole ones are read.
 * I2  A fact is handed out only after it was written to the file: a killed agent never reports what it then forgets.
 *     The one exception is a disk that takes nothing (I6).
 * I3  `seq` grows across restarts: every rewrite of the file starts with the highest one given so far.
 * I4  State facts are never dropped; when the log is full the oldest log facts make room and leave a note.
 * I5  One writer at a time: lines reach the file in the order of `append`.
 *     What is no fact (something acknowledged, or forgotten) may wait a moment for a fact that is written anyway.
 * I6  While the disk takes nothing, facts are handed out from memory, so that runs are not held up by it, and `append`
 *     does not resolve, so that runners keep what they said. The file is written anew as soon as the disk takes it.
 */
type Record =
  | { k: "fact"; fact: Fact; from?: { key: string; frame: number } | undefined }
  | { k: "ack"; seqs: number[] }
  | { k: "mark"; key: string; mark: Mark }
  | { k: "forget"; key: string }
  | { k: "seq"; seq: number };

type Held = { fact: Fact; bytes: number; written: boolean };

export const outboxBytesMax = 64 * 1024 * 1024;
const compactBytesMin = 1024 * 1024;
const damagedBytesMax = 16 * 1024 * 1024;
/** How long what is to be struck out may wait for a fact that is written anyway. Units: milliseconds. */
const lateMs = 50;
/** A disk that took nothing is tried again this often. Units: milliseconds. */
const troubleRetryMs = 500;

const encode = (record: Record): string => {
  const json = JSON.stringify(record);
  return `${crc32(json).toString(16).padStart(8, "0")} ${json}\n`;
};

const isWhole = (line: string): boolean =>
  line[8] === " " && line.slice(0, 8) === crc32(line.slice(9)).toString(16).padStart(8, "0");

/** A line that was begun and never ended runs into the next one, which may be whole. */
const findWhole = (line: string): string | null => {
  for (const { index } of line.matchAll(/[0-9a-f]{8} \{/g)) {
    const rest = line.slice(index);
    if (isWhole(rest)) return rest;
  }
  return null;
};

/** I1 */
const decodeAll = (text: string): { records: Record[]; damaged: string[] } => {
  const records: Record[] = [];
  const damaged: string[] = [];
  for (const line of text.split("\n")) {
    const whole = isWhole(line) ? line : findWhole(line);
    if (whole) records.push(JSON.parse(whole.slice(9)) as Record);
    if (whole !== line && line !== "") damaged.push(whole ? line.slice(0, -whole.length) : line);
  }
  return { records, damaged };
};

/** Keeps what cannot be read for a person to look at. */
const putAside = async (path: string, damaged: readonly string[], logger: Logger): Promise<void> => {
  const aside = `${path}.damaged`;
  logger.error("the outbox was damaged: what is whole in it is delivered", {
    records: damaged.length,
    aside,
  });
  const size = await stat(aside).then(
    ({ size: bytes }) => bytes,
    () => 0,
  );
  if (size < damagedBytesMax)
    await appendFile(aside, `${damaged.join("\n")}\n`, { mode: 0o600 }).catch(() => {});
};

const quiet: Logger = { info: () => {}, warn: () => {}, error: () => {} };

/** Opens (or makes) the log at `path`. Units: `bytesMax` counts unacknowledged facts. */
export const openOutbox = async (
  path: string,
  bytesMax = outboxBytesMax,
  logger: Logger = quiet,
): Promise<Outbox> => {
  const held = new Map<number, Held>();
  const marks = new Map<string, Mark>();
  let lastSeq = 0;
  let heldBytes = 0;
  let stateFacts = 0;
  let fileBytes = 0;
  let isClosed = false;
  let listener: (kind: "state" | "log") => void = () => {};

  const isState = (fact: Fact) => fact.kind !== "log";
  const drop = (seq: number): void => {
    const one = held.get(seq);
    if (!one) return;
    held.delete(seq);
    heldBytes -= one.bytes;
    if (isState(one.fact)) stateFacts--;
  };
  const keep = (fact: Fact, bytes: number, written: boolean): Held => {
    drop(fact.seq);
    const one = { fact, bytes, written };
    held.set(fact.seq, one);
    heldBytes += bytes;
    if (isState(fact)) stateFacts++;
    return one;
  };
  const note = (key: string, frame: number, fact: Pick<Fact, "kind">): void => {
    const before = marks.get(key);
    const final = before?.final === true || isFinal(fact.kind);
    marks.set(key, { seq: Math.max(before?.seq ?? 0, frame), final });
  };
  const replay = (record: Record): void => {
    switch (record.k) {
      case "fact":
        keep(record.fact, JSON.stringify(record.fact).length, true);
        lastSeq = Math.max(lastSeq, record.fact.seq);
        if (record.from) note(record.from.key, record.from.frame, record.fact);
        return;
      case "ack":
        record.seqs.forEach(drop);
        return;
      case "mark":
        marks.set(record.key, record.mark);
        return;
      case "forget":
        marks.delete(record.key);
        return;
      case "seq":
        lastSeq = Math.max(lastSeq, record.seq);
    }
  };

  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  const { records, damaged } = decodeAll(text);
  records.forEach(replay);
  if (damaged.length > 0) await putAside(path, damaged, logger);
  const inOrder = () => [...held.values()].sort((a, b) => a.fact.seq - b.fact.seq);

  const snapshot = (): string =>
    [
      encode({ k: "seq", seq: lastSeq }), // I3
      ...[...marks].map(([key, mark]) => encode({ k: "mark", key, mark })),
      ...inOrder().map(({ fact }) => encode({ k: "fact", fact })),
    ].join("");
  const rewrite = async (whole: string): Promise<FileHandle> => {
    const fresh = `${path}.new`;
    const handle = await open(fresh, "w", 0o600);
    try {
      await handle.writeFile(whole);
      await handle.datasync();
      await rename(fresh, path);
      await syncFolder(dirname(path));
    } catch (error) {
      await handle.close();
      await rm(fresh, { force: true });
      throw error;
    }
    fileBytes = Buffer.byteLength(whole);
    return handle;
  };
  let file = await rewrite(snapshot());

  type Job = { text: string; sync: boolean; ready: Held[]; done: (() => void)[] };
  const emptyJob = (): Job => ({ text: "", sync: false, ready: [], done: [] });
  let next = emptyJob();
  let writing: Promise<void> | null = null;
  /** Why the disk takes nothing. */
  let trouble: string | null = null;
  let troubled: () => void = () => {};
  let inTrouble = new Promise<void>((resolve) => {
    troubled = resolve;
  });
  const closing = new AbortController();

  const handOut = (ready: readonly Held[]): void => {
    for (const one of ready) one.written = true; // I2
    if (ready.length > 0) listener(ready.some((one) => isState(one.fact)) ? "state" : "log");
  };
  /** Everything that is held, marked and queued, as a new file in place of the old one. */
  const replaceFile = async (): Promise<void> => {
    const old = file;
    file = await rewrite(snapshot());
    await old.close().catch(() => {});
  };
  const writeJob = async (job: Job): Promise<void> => {
    await file.appendFile(job.text);
    fileBytes += Buffer.byteLength(job.text);
    handOut(job.ready);
    if (job.sync) await file.datasync();
    // What was queued meanwhile is part of the snapshot too; written again it is only repeated.
    if (fileBytes > compactBytesMin && heldBytes < fileBytes / 2) await replaceFile();
  };
  /** I6: until the disk takes the whole, or the agent ends. */
  const rideOut = async (job: Job, error: unknown): Promise<void> => {
    trouble = String(error);
    troubled();
    logger.error("the outbox cannot be written: facts are kept in memory", { why: trouble });
    handOut(job.ready);
    handOut(next.ready);
    while (!closing.signal.aborted) {
      await sleep(troubleRetryMs, undefined, { signal: closing.signal }).catch(() => {});
      // The snapshot holds all that is queued by now.
      const queued = next;
      next = { ...emptyJob(), done: [] };
      job.done.push(...queued.done);
      const isWritten = await replaceFile().then(
        () => true,
        () => false,
      );
      if (!isWritten) continue;
      trouble = null;
      inTrouble = new Promise<void>((resolve) => {
        troubled = resolve;
      });
      logger.info("the outbox can be written again");
      return;
    }
  };
  // I5
  const drain = async (): Promise<void> => {
    while (next.text !== "") {
      const job = next;
      next = emptyJob();
      await writeJob(job).catch((error) => rideOut(job, error));
      if (trouble === null) for (const done of job.done) done();
      else break; // closed in trouble: what is not on the disk is said again by its runner
    }
    writing = null;
  };
  let lateTimer: NodeJS.Timeout | null = null;
  const begin = (): void => {
    if (lateTimer) clearTimeout(lateTimer);
    lateTimer = null;
    // A turn of the event loop gathers what comes together into one write.
    if (!isClosed) writing ??= new Promise<void>((resolve) => setImmediate(resolve)).then(drain);
  };
  const isPending = (): boolean => writing !== null || (next.text !== "" && !isClosed);
  /** What is no fact may wait for one: cut off, it is only said or done once more. */
  const write = (record: Record, one: Held | null): Promise<void> => {
    next.text += encode(record);
    if (one) next.ready.push(one);
    if (one && isState(one.fact)) next.sync = true;
    const job = next;
    const result = new Promise<void>((resolve) => {
      job.done.push(resolve);
    });
    if (trouble !== null && one) handOut([one]); // I6
    if (one) begin();
    else lateTimer ??= setTimeout(begin, lateMs).unref();
    return result;
  };
  /** I4 */
  const makeRoom = (): void => {
    const dropped = new Map<string, { fact: Fact & { kind: "log" }; lines: number }>();
    const seqs: number[] = [];
    for (const { fact } of inOrder()) {
      if (heldBytes <= bytesMax * 0.9) break;
      if (fact.kind !== "log") continue;
      const before = dropped.get(fact.runId);
      const lines = fact.lines.reduce((sum, line) => sum + (Number(line.attributes?.droppedCount) || 1), 0);
      dropped.set(fact.runId, { fact, lines: (before?.lines ?? 0) + lines });
      seqs.push(fact.seq);
      drop(fact.seq);
    }
    void write({ k: "ack", seqs }, null);
    for (const { fact, lines } of dropped.values()) {
      const last = fact.lines[fact.lines.length - 1]!;
      const line = {
        ...last,
        level: "warn" as const,
        stream: "system" as const,
        message: `${lines} log lines were dropped: the API could not be reached and the agent's outbox was full`,
        attributes: { droppedCount: lines },
      };
      const told: Fact = { ...fact, lines: [line] };
      const one = keep(told, JSON.stringify(told).length, false);
      void write({ k: "fact", fact: told }, one);
    }
  };

  return {
    append(newFact: NewFact, from) {
      const fact = { ...newFact, seq: ++lastSeq } as Fact;
      const one = keep(fact, JSON.stringify(fact).length, false);
      if (from) note(from.key, from.frame, fact);
      const result = write({ k: "fact", fact, from }, one);
      if (heldBytes > bytesMax) makeRoom();
      return result;
    },
    batch({ factsMax, bytesMax: bytes }) {
      const facts: Fact[] = [];
      let total = 0;
      for (const one of inOrder()) {
        if (!one.written || facts.length >= factsMax || (facts.length > 0 && total + one.bytes > bytes))
          break;
        facts.push(one.fact);
        total += one.bytes;
      }
      return facts;
    },
    ack(seqs) {
      seqs.forEach(drop);
      if (seqs.length > 0) void write({ k: "ack", seqs }, null);
    },
    mark: (key) => marks.get(key) ?? null,
    keys: () => [...marks.keys()],
    forget(key) {
      if (marks.delete(key)) void write({ k: "forget", key }, null);
    },
    unreported() {
      const byRun = new Map<string, { runId: string; epoch: number }>();
      for (const { fact } of held.values()) {
        if (isState(fact)) byRun.set(fact.runId, { runId: fact.runId, epoch: fact.epoch });
      }
      return [...byRun.values()];
    },
    size: () => ({ facts: held.size, bytes: heldBytes, stateFacts }),
    onReady(to) {
      listener = to;
    },
    trouble: () => trouble,
    async flush() {
      while (trouble === null && isPending()) {
        begin();
        await Promise.race([writing, inTrouble]);
      }
    },
    async close() {
      while (isPending()) {
        begin();
        await Promise.race([writing, inTrouble]);
        if (trouble === null) continue;
        closing.abort();
        await writing;
      }
      if (isClosed) return;
      isClosed = true; // what comes now is said or done once more
      if (lateTimer) clearTimeout(lateTimer);
      await file.close().catch(() => {});
    },
  };
};
