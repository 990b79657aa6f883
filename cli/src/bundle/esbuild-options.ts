import type { Message } from "esbuild";
import type { Problem } from "./bundle-error.ts";
import { explainMissingExport } from "./explain-missing-export.ts";

/** CommonJS packages inside an ESM bundle call `require`; ES modules have none of their own. */
export const requireBanner =
  'import { createRequire as longshoreCreateRequire } from "node:module"; const require = longshoreCreateRequire(import.meta.url);';

/** esbuild's message in our words. */
export const problemOf = (message: Message): Problem => {
  const { location, notes } = message;
  const text =
    explainMissingExport(message.text) ?? [message.text, ...notes.map((note) => note.text)].join(" ");
  if (!location) return { text };
  return {
    text,
    file: location.file,
    line: location.line,
    column: location.column,
    lineText: location.lineText,
  };
};

/** What esbuild threw, as problems. Errors: throws what is no build failure. */
export const problemsOf = (error: unknown): Problem[] => {
  if (error instanceof Error && "errors" in error && Array.isArray(error.errors) && error.errors.length > 0) {
    return error.errors.map((message: Message) => problemOf(message));
  }
  throw error;
};
