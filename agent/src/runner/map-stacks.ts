import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

type Payload = ConstructorParameters<typeof SourceMap>[0];

/** Where `sources` are, as URLs: Node's own class does not look at `sourceRoot`. */
const readMap = (file: string): SourceMap | null => {
  try {
    const payload: Payload = JSON.parse(readFileSync(fileURLToPath(`${file}.map`), "utf8"));
    const sources = payload.sources.map((source) => new URL((payload.sourceRoot ?? "") + source, file).href);
    return new SourceMap({ ...payload, sources, sourceRoot: "" });
  } catch {
    return null; // none, or a damaged one: the line of the bundle is better than nothing
  }
};

const pathOf = (url: string): string => (url.startsWith("file:") ? fileURLToPath(url) : url);

/** `Error: message`, whatever the thrown object makes of its own fields. */
const headOf = (error: unknown): string => {
  try {
    return Error.prototype.toString.call(error);
  } catch {
    return "Error";
  }
};

/**
 * Makes the stacks of errors name the lines of the sources, for modules in `dir` that have a source map beside them.
 * Unlike Node's `--enable-source-maps` it reads a map when a stack that needs it is first looked at, and not while the
 * module is loaded: most runs never look at one.
 *
 * Whoever sets `Error.prepareStackTrace` after this has the word, as they have under Node's flag.
 */
export const mapStacks = (dir: string): void => {
  const root = pathToFileURL(`${dir}/`).href;
  const maps = new Map<string, SourceMap | null>();
  const mapOf = (file: string): SourceMap | null => {
    if (!file.startsWith(root)) return null;
    const known = maps.get(file);
    if (known !== undefined) return known;
    const map = readMap(file);
    maps.set(file, map);
    return map;
  };
  const said = (frame: NodeJS.CallSite): string => {
    const text = String(frame);
    const [file, line, column] = [frame.getFileName(), frame.getLineNumber(), frame.getColumnNumber()];
    if (!file || !line || !column) return text;
    const found = mapOf(file)?.findEntry(line - 1, column - 1);
    if (!found || !("originalSource" in found) || !found.originalSource) return text;
    const place = `${pathOf(found.originalSource)}:${found.originalLine + 1}:${found.originalColumn + 1}`;
    return text.replace(`${file}:${line}:${column}`, () => place);
  };
  Error.prepareStackTrace = (error, frames) =>
    [headOf(error), ...frames.map((frame) => `    at ${said(frame)}`)].join("\n");
};
