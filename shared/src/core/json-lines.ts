/** One value as a frame: JSON and a line feed (JSON text never holds a raw one). */
export const encodeLine = (value: unknown): string => `${JSON.stringify(value)}\n`;

/**
 * Cuts a stream of text into lines, however its pieces arrive.
 *
 * Shape: `push` takes the next piece and gives every line that is complete; `rest` gives what has no end yet, and
 * forgets it. Errors: throws once a line is longer than `charsMax`, so that a peer cannot fill the memory.
 */
export const lineSplitter = (charsMax: number) => {
  let parts: string[] = [];
  let length = 0;
  const take = (): string => {
    const line = parts.length === 1 ? (parts[0] as string) : parts.join("");
    parts = [];
    length = 0;
    return line;
  };
  const add = (part: string): void => {
    if (part === "") return;
    length += part.length;
    if (length > charsMax) {
      take();
      throw new RangeError(`a line is longer than ${charsMax} characters`);
    }
    parts.push(part);
  };
  return {
    push(piece: string): string[] {
      const lines: string[] = [];
      let from = 0;
      for (let at = piece.indexOf("\n"); at !== -1; at = piece.indexOf("\n", from)) {
        add(piece.slice(from, at));
        lines.push(take());
        from = at + 1;
      }
      add(piece.slice(from));
      return lines;
    },
    rest: take,
  };
};
