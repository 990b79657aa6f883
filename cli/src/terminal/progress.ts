import { wantsColour } from "./style.ts";

/** One line on standard error that says what is being done. */
export type Progress = { say(text: string): void; end(): void };

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/** Units: milliseconds. */
const frameMs = 80;
const clearLine = "\r\u001b[2K";

const spinner = (stream: NodeJS.WriteStream): Progress => {
  let text = "";
  let frame = 0;
  const draw = () => {
    const line = `${frames[frame++ % frames.length]} ${text}`;
    stream.write(`${clearLine}${line.slice(0, Math.max(1, (stream.columns || 80) - 1))}`);
  };
  const timer = setInterval(draw, frameMs);
  timer.unref();
  return {
    say: (next) => {
      text = next;
      draw();
    },
    end: () => {
      clearInterval(timer);
      stream.write(clearLine);
    },
  };
};

/** Long work in one line, on standard error: it moves on a terminal; elsewhere, and under `--json`, each step is a line. */
export const startProgress = (
  options: { json?: boolean } = {},
  stream: NodeJS.WriteStream = process.stderr,
): Progress => {
  if (!options.json && wantsColour(stream, process.env, process.argv)) return spinner(stream);
  return { say: (text) => void stream.write(`${text}\n`), end: () => {} };
};
