/** A line of a stream: its text, or its first bytes as text when it is too long to be kept. */
export type Line = { number: number; text: string; bytes: number } | { number: number; head: string };

/** How much of a line that is too long is kept, to know which item it is. Units: bytes. */
const headBytesMax = 64 * 1024;

/**
 * Cuts a stream of bytes into lines, however its pieces arrive. Blank lines are left out; the last one needs no end. No
 * more than one line and one piece are held, and of a line over `lineBytesMax` only its beginning.
 */
export async function* readLines(
  stream: ReadableStream<Uint8Array>,
  lineBytesMax: number,
): AsyncGenerator<Line> {
  let parts: Uint8Array[] = [];
  let length = 0;
  let number = 0;
  const keep = (part: Uint8Array): void => {
    const room = length > lineBytesMax ? 0 : length + part.length > lineBytesMax ? headBytesMax : part.length;
    if (room > 0) parts.push(part.subarray(0, room));
    length += part.length;
  };
  const take = (): Line | null => {
    const isTooLong = length > lineBytesMax;
    const text = decode(parts, isTooLong ? headBytesMax : length);
    const line = isTooLong ? { number: ++number, head: text } : { number: ++number, text, bytes: length };
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

/** The index and task that the beginning of an item's line names, as far as they stand before what is too long. */
export const readItemHead = (head: string): { index: number | null; task: string | null } => {
  const named: { index: number | null; task: string | null } = { index: null, task: null };
  let at = head.indexOf("{") + 1;
  while (at > 0 && at < head.length) {
    at += match(space, head, at)?.[0].length ?? 0;
    const key = match(keyStart, head, at);
    if (key === null) return named;
    at += key[0].length;
    const value = match(scalar, head, at);
    if (value !== null) {
      if (key[1] === "index" && /^\d+$/.test(value[0])) named.index = Number(value[0]);
      if (key[1] === "task" && value[0].startsWith('"')) named.task = JSON.parse(value[0]) as string;
    }
    const end = value === null ? endOfNested(head, at) : at + value[0].length;
    if (end === null) return named;
    at = end + (match(space, head, end)?.[0].length ?? 0);
    if (head[at] !== ",") return named;
    at++;
  }
  return named;
};
