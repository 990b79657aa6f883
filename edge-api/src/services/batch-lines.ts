/** A line of a stream: its text, or the text of its first and last bytes when it is too long to be kept. */
export type Line =
  | { number: number; text: string; bytes: number }
  | { number: number; head: string; tail: string };

/** How much of each end of a line that is too long is kept, to know which item it is. Units: bytes. */
const endBytesMax = 64 * 1024;

const lastBytes = (parts: readonly Uint8Array[]): Uint8Array => {
  const kept: Uint8Array[] = [];
  let left = endBytesMax;
  for (const part of [...parts].reverse()) {
    if (left === 0) break;
    const piece = part.subarray(Math.max(0, part.length - left));
    kept.unshift(piece);
    left -= piece.length;
  }
  const bytes = new Uint8Array(endBytesMax - left);
  let at = 0;
  for (const piece of kept) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
};

/**
 * Cuts a stream of bytes into lines, however its pieces arrive. Blank lines are left out; the last one needs no end. No
 * more than one line and one piece are held, and of a line over `lineBytesMax` only its two ends.
 */
export async function* readLines(
  stream: ReadableStream<Uint8Array>,
  lineBytesMax: number,
): AsyncGenerator<Line> {
  let parts: Uint8Array[] = [];
  let tail: Uint8Array = new Uint8Array();
  let length = 0;
  let number = 0;
  const keep = (part: Uint8Array): void => {
    const isOver = length > lineBytesMax;
    length += part.length;
    if (length > lineBytesMax) tail = lastBytes(isOver ? [tail, part] : [...parts, part]);
    if (!isOver) parts.push(length > lineBytesMax ? part.subarray(0, endBytesMax) : part);
  };
  const take = (): Line | null => {
    const isTooLong = length > lineBytesMax;
    const text = decode(parts, isTooLong ? endBytesMax : length);
    const line = isTooLong
      ? { number: ++number, head: text, tail: new TextDecoder().decode(tail) }
      : { number: ++number, text, bytes: length };
    parts = [];
    length = 0;
    return isTooLong || text.trim() !== "" ? line : null;
  };
  const reader = stream.getReader();
  try {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      let from = 0;
      // A line feed is never part of a longer character in UTF-8.
      for (let at = piece.value.indexOf(10); at !== -1; at = piece.value.indexOf(10, from)) {
        keep(piece.value.subarray(from, at));
        from = at + 1;
        const line = take();
        if (line !== null) yield line;
      }
      // A copy: the piece may be a window of something larger, or be used again.
      keep(piece.value.slice(from));
    }
    const last = take();
    if (last !== null) yield last;
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

const decode = (parts: readonly Uint8Array[], bytesMax: number): string => {
  const decoder = new TextDecoder();
  let left = bytesMax;
  let text = "";
  for (const part of parts) {
    const slice = part.subarray(0, left);
    left -= slice.length;
    text += decoder.decode(slice, { stream: true });
  }
  return text + decoder.decode();
};

const space = /\s*/y;
const keyStart = /"((?:[^"\\]|\\.)*)"\s*:\s*/y;
const scalar = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** Where a list or object that begins here ends; null when it is cut before. */
const endOfNested = (text: string, start: number): number | null => {
  const token = /"(?:[^"\\]|\\.)*"|[[\]{}]|"/g;
  token.lastIndex = start;
  let depth = 0;
  for (let found = token.exec(text); found !== null; found = token.exec(text)) {
    if (found[0] === '"') return null;
    if (found[0] === "{" || found[0] === "[") depth++;
    else if (found[0] === "}" || found[0] === "]") depth--;
    if (depth === 0) return token.lastIndex;
  }
  return null;
};

const match = (pattern: RegExp, text: string, at: number): RegExpExecArray | null => {
  pattern.lastIndex = at;
  return pattern.exec(text);
};

type Named = { index: number | null; task: string | null };

const nameFrom = (named: Named, key: string, value: string): void => {
  if (key === "index" && /^\d+$/.test(value)) named.index ??= Number(value);
  if (key === "task" && value.startsWith('"')) named.task ??= JSON.parse(value) as string;
};

/** The index and task that the beginning of an item's line names, as far as they stand before what is too long. */
const readHead = (head: string, named: Named): void => {
  let at = head.indexOf("{") + 1;
  while (at > 0 && at < head.length) {
    at += match(space, head, at)?.[0].length ?? 0;
    const key = match(keyStart, head, at);
    if (key === null) return;
    at += key[0].length;
    const value = match(scalar, head, at);
    if (value !== null) nameFrom(named, key[1] ?? "", value[0]);
    const end = value === null ? endOfNested(head, at) : at + value[0].length;
    if (end === null) return;
    at = end + (match(space, head, end)?.[0].length ?? 0);
    if (head[at] !== ",") return;
    at++;
  }
};

/** A quote that begins or ends a text: only one behind an odd number of backslashes is part of it. */
const delimiter = /(?<!\\)(?:\\\\)*"/g;
const keyEnd = /"\s*:\s*/y;

/** The same from the line's end, which is certainly outside of any text: read backwards, until what is cut begins. */
const readTail = (tail: string, named: Named): void => {
  if (!tail.trimEnd().endsWith("}")) return;
  const quotes = [...tail.matchAll(delimiter)].map((found) => found.index + found[0].length - 1);
  let depth = 0;
  for (let at = tail.length - 1; at >= 0; at--) {
    const sign = tail[at] ?? "";
    if (sign === '"') {
      const [open, close] = quotes.splice(-2);
      if (open === undefined || close === undefined) return;
      const colon = depth === 1 ? match(keyEnd, tail, close) : null;
      const value = colon === null ? null : match(scalar, tail, close + colon[0].length);
      if (value !== null) nameFrom(named, tail.slice(open + 1, close), value[0]);
      at = open;
    } else if ("}]".includes(sign)) depth++;
    else if ("{[".includes(sign) && --depth === 0) return;
  }
};

/** The index and task of an item whose line is too long, as far as they stand within its two ends. */
export const readItemEnds = (line: { head: string; tail: string }): Named => {
  const named: Named = { index: null, task: null };
  readHead(line.head, named);
  readTail(line.tail, named);
  return named;
};
