import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import type Docker from "dockerode";
import { type Pack, pack } from "tar-stream";
import { listNodeFiles } from "./list-node-files.ts";

/** Raise it when what is in the image changes, so that machines make it anew. */
const RECIPE = 2;
const LABEL = "dev.longshore.runner-base";
const FOLDERS = ["etc/ssl/certs", "home/node", "proc", "sys", "dev", "run", "usr/local/bin"];
const TEXT_FILES = {
  "etc/passwd": "root:x:0:0:root:/root:/sbin/nologin\nnode:x:1000:1000:node:/home/node:/sbin/nologin\n",
  "etc/group": "root:x:0:\nnode:x:1000:\n",
  "etc/nsswitch.conf": "hosts: files dns\n",
};
const CHANGES = [
  "ENV NODE_ENV=production",
  "ENV PATH=/usr/local/bin",
  "ENV HOME=/tmp",
  "ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
  "USER 1000:1000",
  "WORKDIR /tmp",
  'CMD ["node"]',
];

/**
 * Makes a base image for runners without any registry: this machine's Node and its libraries in an otherwise empty
 * root, with the users root and node (1000) and no shell. About 100 MB and two seconds.
 *
 * Shape: the image's name, `longshore-runner-base:<node major>-local`. One made before from the same Node is kept.
 * Errors: throws where this machine's Node cannot run in the engine (not Linux) or the engine refuses.
 */
export async function buildRunnerBase(docker: Docker): Promise<{ image: string; isNew: boolean }> {
  if (process.platform !== "linux") throw new Error("a local runner base can only be made on Linux");
  const tag = `${process.versions.node.split(".")[0]}-local`;
  const image = `longshore-runner-base:${tag}`;
  const label = `${process.version}-${process.arch}-${RECIPE}`;
  if ((await readLabel(docker, image)) === label) return { image, isNew: false };
  const tar = pack();
  // A file that cannot be read breaks the stream, and with it the import.
  fill(tar).catch((error: Error) => tar.destroy(error));
  const changes = [...CHANGES, `LABEL ${LABEL}=${label}`].join("\n");
  const answer = await docker.importImage(Readable.from(tar), {
    repo: "longshore-runner-base",
    tag,
    changes,
  });
  // Progress lines; the image exists when they end.
  for await (const _ of answer);
  if ((await readLabel(docker, image)) !== label) throw new Error(`${image} was imported but is not there`);
  return { image, isNew: true };
}

async function fill(tar: Pack): Promise<void> {
  for (const name of FOLDERS) tar.entry({ name, type: "directory", mode: 0o755 });
  tar.entry({ name: "tmp", type: "directory", mode: 0o1777 });
  for (const [name, text] of Object.entries(TEXT_FILES)) tar.entry({ name, mode: 0o644 }, text);
  for (const { from, to, mode } of await listNodeFiles()) {
    await new Promise<void>((resolve, reject) => {
      tar.entry({ name: to, mode }, readFileSync(from), (error) => (error ? reject(error) : resolve()));
    });
  }
  tar.finalize();
}

async function readLabel(docker: Docker, image: string): Promise<string | undefined> {
  const info = await docker
    .getImage(image)
    .inspect()
    .catch((error: { statusCode?: number }) => {
      if (error.statusCode === 404) return undefined;
      throw error;
    });
  return info?.Config.Labels?.[LABEL];
}
