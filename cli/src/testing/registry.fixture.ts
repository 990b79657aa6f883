import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { archiveFiles } from "../bundle/archive.ts";

type Package = { name: string; version: string; [field: string]: unknown };

/** A small real registry of the given packages, each with an empty module. */
export const startRegistry = async (
  packages: Package[],
): Promise<{ url: string; close(): Promise<void> }> => {
  const archives = new Map<string, Uint8Array>();
  const integrities = new Map<string, string>();
  for (const one of packages) {
    const { bytes } = await archiveFiles([
      { name: "package/package.json", content: JSON.stringify({ main: "i.js", ...one }) },
      { name: "package/i.js", content: "module.exports = 1;" },
    ]);
    archives.set(one.name, bytes);
    integrities.set(one.name, `sha512-${createHash("sha512").update(bytes).digest("base64")}`);
  }
  const server = createServer((request, response) => {
    const [, name = "", isArchive] = decodeURIComponent(request.url ?? "").split("/");
    const one = packages.find((candidate) => candidate.name === name);
    if (!one) return response.writeHead(404).end("{}");
    if (isArchive) return response.end(archives.get(name));
    const { port } = server.address() as AddressInfo;
    const dist = {
      tarball: `http://127.0.0.1:${port}/${name}/archive.tgz`,
      integrity: integrities.get(name),
    };
    response.setHeader("content-type", "application/json");
    response.end(
      JSON.stringify({
        name,
        "dist-tags": { latest: one.version },
        versions: { [one.version]: { main: "i.js", ...one, dist } },
      }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
};
