import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { pack } from "tar-stream";

/** An archive as `longshore deploy` makes them. Shape: file name → content. */
export const makeBundle = async (files: Record<string, string>): Promise<Buffer> => {
  const archive = pack();
  for (const [name, content] of Object.entries(files)) archive.entry({ name }, content);
  archive.finalize();
  const parts: Buffer[] = [];
  for await (const part of archive) parts.push(part as Buffer);
  return promisify(gzip)(Buffer.concat(parts));
};

/** The module of a bundle whose tasks are written down here as source text: id → members of the task. */
export const taskModule = (tasks: Record<string, string>, prelude = ""): string => `
${prelude}
const host = () => globalThis[Symbol.for("longshore.host.1")];
const catalog = (globalThis[Symbol.for("longshore.catalog.1")] ??= new Map());
${Object.entries(tasks)
  .map(([id, members]) => `catalog.set(${JSON.stringify(id)}, [{ id: ${JSON.stringify(id)}, ${members} }]);`)
  .join("\n")}
`;
