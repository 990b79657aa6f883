import { type FileHandle, open, readFile, rename } from "node:fs/promises";
import { crc32 } from "node:zlib";
import type { Fact } from "@longshore/shared/contract/agent-protocol";
import { isFinal } from "../core/execution.ts";
import type { Mark, NewFact, Outbox } from "../ports/outbox.ts";

/**
 * The outbox as an append-only log.
 *
 * I1  Each line is `<crc32> <json>`; reading stops at the first line that does not match, so a torn end is dropped.
 * I2  A fact is handed out only after it was written to the file: a killed agent never reports what it then forgets.
 * I3  `seq` grows across restarts: every rewrite of the file starts with the highest one given so far.
 * I4  State facts are never dropped; when the log is full the oldest log facts make room and leave a note.
 * I5  One writer at a time: lines reach the file in the order of `append`.
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

const encode = (record: Record): string => {
  const json = JSON.stringify(record);
  return `${crc32(json).toString(16).padStart(8, "0")} ${json}\n`;
};

const decodeAll = (text: string): { records: Record[]; wholeChars: number } => {
  const records: Record[] = [];
  let from = 0;
  for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", from)) {
    const json = text.slice(from + 9, end);
    if (text.slice(from, from + 8) !== crc32(json).toString(16).padStart(8, "0")) break; // I1
    records.push(JSON.parse(json) as Record);
    from = end + 1;
  }
  return { records, wholeChars: from };
};

/** Opens (or makes) the log at `path`. Units: `bytesMax` counts unacknowledged facts. */
export const openOutbox = async (path: string, bytesMax = outboxBytesMax): Promise<Outbox> => {
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
  const { records } = decodeAll(text);
  records.forEach(replay);
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
    await handle.writeFile(whole);
    await handle.datasync();
    await rename(fresh, path);
    fileBytes = Buffer.byteLength(whole);
    return handle;
  };
  let file = await rewrite(snapshot());

  type Job = {
    text: string;
    sync: boolean;
    ready: Held[];
    done: (() => void)[];
    failed: ((e: unknown) => void)[];
  };
  const emptyJob = (): Job => ({ text: "", sync: false, ready: [], done: [], failed: [] });
  let next = emptyJob();
  let writing: Promise<void> | null = null;

  const writeJob = async (job: Job): Promise<void> => {
    await file.appendFile(job.text);
    fileBytes += Buffer.byteLength(job.text);
    for (const one of job.ready) one.written = true; // I2
    if (job.ready.length > 0) listener(job.ready.some((one) => isState(one.fact)) ? "state" : "log");
    if (job.sync) await file.datasync();
    if (fileBytes > compactBytesMin && heldBytes < fileBytes / 2) {
      // What was queued meanwhile is part of the snapshot too; written again it is only repeated.
      const old = file;
      file = await rewrite(snapshot());
      await old.close();
    }
  };
  // I5
  const drain = async (): Promise<void> => {
    while (next.text !== "") {
      const job = next;
      next = emptyJob();
      try {
        await writeJob(job);
        for (const done of job.done) done();
      } catch (error) {
        for (const failed of job.failed) failed(error);
      }
    }
    writing = null;
  };
  const write = (record: Record, one: Held | null): Promise<void> => {
    next.text += encode(record);
    if (one) next.ready.push(one);
    if (one && isState(one.fact)) next.sync = true;
    const job = next;
    const result = new Promise<void>((resolve, reject) => {
      job.done.push(resolve);
      job.failed.push(reject);
    });
    // A turn of the event loop gathers what comes together into one write.
    writing ??= new Promise<void>((resolve) => setImmediate(resolve)).then(drain);
    return result;
  };
  const quietly = (result: Promise<void>): void => {
    result.catch(() => {}); // the next append of a fact meets the same disk and reports it
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
    quietly(write({ k: "ack", seqs }, null));
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
      quietly(write({ k: "fact", fact: told }, one));
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
      if (seqs.length > 0) quietly(write({ k: "ack", seqs }, null));
    },
    mark: (key) => marks.get(key) ?? null,
    keys: () => [...marks.keys()],
    forget(key) {
      if (marks.delete(key)) quietly(write({ k: "forget", key }, null));
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
    async flush() {
      while (writing) await writing;
    },
    async close() {
      while (writing) await writing;
      if (!isClosed) await file.close();
      isClosed = true;
    },
  };
};
