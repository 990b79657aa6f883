/** The part of a Node stream that this needs. */
type Corkable = {
  readonly writableCorked: number;
  cork(): void;
  uncork(): void;
  write(text: string): unknown;
};

/** Writes what is written within one turn of the event loop in one go: each write wakes the process at the other end. */
export const writeTogether = (stream: Corkable, text: string): void => {
  if (stream.writableCorked === 0) {
    stream.cork();
    setImmediate(() => stream.uncork());
  }
  stream.write(text);
};
