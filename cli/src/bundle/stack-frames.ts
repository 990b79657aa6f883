import path from "node:path";

/** One line of a stack. `file` is relative to the bundle's folder, as the source map has it; both numbers count from 1. */
export type Frame = { file: string; line: number; column: number };

const place = /\(?((?:file:\/\/)?\/[^():]+|[A-Za-z]:[^():]+):(\d+):(\d+)\)?$/;

/** The frames of a stack that lie in sources of the bundle in `dir`, innermost first. */
export const framesOf = (stack: string, dir: string): Frame[] =>
  stack.split("\n").flatMap((text) => {
    const match = place.exec(text.trim());
    if (!match) return [];
    const [, location = "", line, column] = match;
    const file = path
      .relative(dir, location.replace(/^file:\/\//, ""))
      .split(path.sep)
      .join("/");
    return [{ file, line: Number(line), column: Number(column) }];
  });
