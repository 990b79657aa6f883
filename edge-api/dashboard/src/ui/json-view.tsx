import type { ReactNode } from "react";

/** Beyond this the colours cost more than they help. Units: characters. */
const colouredMax = 100_000;
const tokens = /("(?:\\.|[^"\\])*")(\s*:)?|\b(true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

const colour = (text: string): ReactNode[] => {
  const parts: ReactNode[] = [];
  let from = 0;
  for (const match of text.matchAll(tokens)) {
    const [whole, quoted, colon, word] = match;
    parts.push(text.slice(from, match.index));
    const name = colon ? "text-ink" : quoted ? "text-good" : word ? "text-pause" : "text-busy";
    parts.push(
      <span key={match.index} className={name}>
        {colon ? quoted : whole}
      </span>,
    );
    if (colon) parts.push(colon);
    from = match.index + whole.length;
  }
  parts.push(text.slice(from));
  return parts;
};

/** How a value is written to be read and to be copied. */
export const prettyJson = (value: unknown): string =>
  value === undefined ? "undefined" : (JSON.stringify(value, null, 2) ?? String(value));

/** A value as indented, coloured JSON. */
export function JsonView({ value }: { value: unknown }) {
  const text = prettyJson(value);
  return (
    <pre
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
      tabIndex={0}
      className="scroll-thin wrap-anywhere max-h-80 overflow-auto whitespace-pre-wrap px-4 py-3 font-mono text-soft text-xs leading-5 outline-offset-[-2px]"
    >
      {text.length <= colouredMax ? colour(text) : text}
    </pre>
  );
}
