/** FNV-1a over the characters of a text, mixed at the end so that each bit hangs on all of them. */
const hash32 = (text: string, offset: number): number => {
  let hash = offset;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
};

const offsets = [0x811c9dc5, 0x1b873593, 0x9e3779b9, 0x27d4eb2f];

const hex = (text: string, words: number): string =>
  offsets
    .slice(0, words)
    .map((offset) => hash32(text, offset).toString(16).padStart(8, "0"))
    .join("");

/** The id of a span, always the same for the same thing. Shape: 16 hex digits. Source: W3C Trace Context. */
export const spanIdOf = (runId: string, kind: string, name: string): string =>
  hex(`${runId}\n${kind}\n${name}`, 2);

/** The id of the trace that a root run begins. Shape: 32 hex digits. */
export const traceIdOf = (rootRunId: string): string => hex(`trace\n${rootRunId}`, 4);
