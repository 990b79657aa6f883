import { readFile } from "node:fs/promises";
import path from "node:path";

/** `process.env.NAME` or `process.env["NAME"]`, unless a default follows. */
const read =
  /\bprocess\.env(?:\.([A-Za-z_]\w*)\b|\[\s*["']([A-Za-z_]\w*)["']\s*\])(?!\s*(?:\?\?|\|\||[=](?!=)))/g;

/** What every process has, or the platform sets. */
const given =
  /^(NODE_ENV|NODE_OPTIONS|PATH|HOME|PWD|TMPDIR|TZ|LANG|CI|USER|HOSTNAME|PORT|LONGSHORE_.*|TRIGGER_.*)$/;

/** Variables that the project's own sources read without a default, by name, sorted. */
export const findEnvReads = async (dir: string, inputs: readonly string[]): Promise<string[]> => {
  const texts = await Promise.all(
    inputs.map((file) => readFile(path.join(dir, file), "utf8").catch(() => "")),
  );
  const names = texts.flatMap((text) =>
    [...text.matchAll(read)].map(([, dot, bracket]) => dot ?? bracket ?? ""),
  );
  return [...new Set(names)].filter((name) => !given.test(name)).sort();
};
