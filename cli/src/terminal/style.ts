import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];
type Env = Record<string, string | undefined>;

/** Whether colours make sense here: a terminal that a person looks at, and nobody asked for none. */
export const wantsColour = (stream: { isTTY?: boolean }, env: Env, args: readonly string[] = []): boolean =>
  stream.isTTY === true && !env.NO_COLOR && !env.CI && env.TERM !== "dumb" && !args.includes("--no-color");

const coloured = wantsColour(process.stdout, process.env, process.argv);

/** The text in a style, or as it is where colours are off. */
export const style = (format: Style, text: string): string => (coloured ? styleText(format, text) : text);
