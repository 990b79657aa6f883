/** One thing wrong in the user's code. `line` counts from 1, `column` from 0. */
export type Problem = {
  text: string;
  file?: string;
  line?: number;
  column?: number;
  /** The source line it is on. */
  lineText?: string;
};

const placeOf = (problem: Problem): string =>
  [problem.file, problem.line, problem.column === undefined ? undefined : problem.column + 1]
    .filter((part) => part !== undefined)
    .join(":");

const frameOf = (problem: Problem): string[] => {
  if (problem.lineText === undefined || problem.line === undefined) return [];
  const gutter = `  ${problem.line} | `;
  const caret = " ".repeat(gutter.length + (problem.column ?? 0));
  return [`${gutter}${problem.lineText}`, `${caret}^`];
};

/** A problem as text: `file:line:column  message`, and below it the line with a caret. */
export const formatProblem = (problem: Problem): string => {
  const place = placeOf(problem);
  return [place ? `${place}  ${problem.text}` : problem.text, ...frameOf(problem)].join("\n");
};

/** The project cannot be bundled or indexed; every problem that was found is in `problems`. */
export class BundleError extends Error {
  /** What to do about it, where that can be told. */
  readonly next: string | undefined;

  constructor(
    readonly problems: Problem[],
    options?: { cause?: unknown; next?: string | undefined },
  ) {
    super(problems.map(formatProblem).join("\n"), options);
    this.name = "BundleError";
    this.next = options?.next;
  }
}
