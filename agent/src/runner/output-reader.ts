import type { Readable } from "node:stream";
import { lineSplitter } from "@longshore/shared/core/json-lines";
import type { MarkedLine } from "./ipc.ts";
import type { Mask } from "./mask-secrets.ts";

/** Longest text of one log line; the rest becomes further lines. Units: characters. */
const lineCharsMax = 32 * 1024;
const stderrLinesKept = 20;

export type OutputLine = Exclude<MarkedLine, "begin" | "end">;

const pieces = (text: string): string[] => {
  if (text.length <= lineCharsMax) return [text];
  const all: string[] = [];
  for (let from = 0; from < text.length; from += lineCharsMax)
    all.push(text.slice(from, from + lineCharsMax));
  return all;
};

/**
 * Turns what an executor writes on its two streams into log lines.
 *
 * A mark may stand behind text that had no line feed: the text is a line of its own. `ended` settles when both streams
 * have shown their end mark or have closed; `stderrTail` is what a dead process said last. Secrets are masked before a
 * line is cut.
 */
export const readOutput = (
  streams: { stdout: Readable; stderr: Readable },
  mark: string,
  onLine: (line: OutputLine) => void,
  mask: Mask,
  /** The process served a run before: what stands before this run's mark is not its own. */
  isUsed = false,
) => {
  const tail: string[] = [];
  const say = (line: OutputLine): void => {
    const { attributes } = line;
    const masked = attributes === undefined ? line : { ...line, attributes: mask.deep(attributes) };
    for (const message of pieces(mask.text(line.message))) onLine({ ...masked, message });
  };
  const raw = (stream: "stdout" | "stderr", text: string): void => {
    if (stream === "stderr") {
      tail.push(mask.text(text).slice(0, 2_000));
      if (tail.length > stderrLinesKept) tail.shift();
    }
    say({
      at: new Date().toISOString(),
      level: stream === "stdout" ? "log" : "error",
      stream,
      message: text,
    });
  };
  const marked = (stream: "stdout" | "stderr", json: string): "begin" | "end" | null => {
    let line: MarkedLine;
    try {
      line = JSON.parse(json) as MarkedLine;
    } catch {
      raw(stream, json); // the task wrote the mark itself
      return null;
    }
    if (line === "begin" || line === "end") return line;
    say(line);
    return null;
  };

  let charsRead = 0;
  const takeUp = { stdout: () => {}, stderr: () => {} };
  const read = (stream: "stdout" | "stderr"): Promise<void> =>
    new Promise((resolve) => {
      // A line longer than the limit is cut by hand below, so the splitter's own limit is out of reach.
      const splitter = lineSplitter(Number.POSITIVE_INFINITY);
      let pending = 0;
      let isOurs = !isUsed;
      const onText = (text: string): void => {
        const at = text.indexOf(mark);
        if (at !== 0 && isOurs) raw(stream, at === -1 ? text : text.slice(0, at));
        if (at === -1) return;
        const word = marked(stream, text.slice(at + mark.length));
        if (word === "begin") isOurs = true;
        if (word !== "end") return;
        isOurs = false;
        resolve();
      };
      takeUp[stream] = () => {
        const rest = splitter.rest();
        if (rest) onText(rest);
      };
      if (streams[stream].readableEncoding !== "utf8") streams[stream].setEncoding("utf8");
      streams[stream].on("data", (piece: string) => {
        charsRead += piece.length;
        const lines = splitter.push(piece);
        pending = lines.length > 0 ? piece.length - piece.lastIndexOf("\n") - 1 : pending + piece.length;
        lines.forEach(onText);
        // An endless line without a mark must not gather in memory. (Marked lines are as long as their message.)
        if (pending > 64 * lineCharsMax) {
          const text = splitter.rest();
          const at = mask.cut(text);
          onText(text.slice(0, at));
          splitter.push(text.slice(at));
          pending = text.length - at;
        }
      });
      streams[stream].on("close", () => {
        takeUp[stream]();
        resolve();
      });
    });
  const ended = Promise.all([read("stdout"), read("stderr")]).then(() => undefined);
  return {
    ended,
    /** How much has come on both streams. */
    charsRead: (): number => charsRead,
    /** Nothing more is to come: text without a line feed at its end is a line. */
    close(): void {
      takeUp.stdout();
      takeUp.stderr();
    },
    stderrTail: (): string => tail.join("\n"),
    /** Lets go of the streams of a process that goes on: what it says until its next run is dropped. */
    detach(): void {
      for (const stream of [streams.stdout, streams.stderr]) {
        stream.removeAllListeners("data");
        stream.removeAllListeners("close");
        stream.resume();
      }
    },
  };
};
