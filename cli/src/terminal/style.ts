import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/** Whether colours make sense here: a terminal, and nobody asked for none. */
export const wantsColour = (stream: { isTTY?: boolean }, env: Record<string, string | undefined>): boolean =>
  stream.isTTY === true && !env.NO_COLOR && env.TERM !== "dumb";

const coloured = wantsColour(process.stdout, process.env);

/** The text in a style, or as it is where colours are off. */
export const style = (format: Style, text: string): string => (coloured ? styleText(format, text) : text);
