import { existsSync, readdirSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { runCommand } from "../services/run-command.ts";

const CERTIFICATES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/cert.pem",
];

/** A file to put into an image: where it is here, where it goes there. */
export interface ImageFile {
  from: string;
  to: string;
  mode: number;
}

/**
 * What this machine's Node needs to run in an empty root: the binary, the libraries and loader that `ldd` names, the
 * other parts of libc beside it, and the CA certificates where there are any.
 *
 * Errors: throws when ldd does not know the binary.
 */
export async function listNodeFiles(node: string = process.execPath): Promise<ImageFile[]> {
  const { code, output } = await runCommand("ldd", [node]);
  if (code !== 0) throw new Error(`ldd ${node} failed: ${output.trim()}`);
  const libraries = parseLdd(output);
  const libc = libraries.find((file) => /\/libc\.so/.test(file));
  const all = new Set([...libraries, ...(libc ? listLibcParts(dirname(libc)) : [])]);
  const certificates = CERTIFICATES.find(existsSync);
  return [
    { from: realpathSync(node), to: "usr/local/bin/node", mode: 0o755 },
    ...[...all].map((file) => ({ from: realpathSync(file), to: file.slice(1), mode: 0o755 })),
    ...(certificates
      ? [{ from: realpathSync(certificates), to: CERTIFICATES[0]!.slice(1), mode: 0o644 }]
      : []),
  ];
}

/** The absolute paths in ldd's answer: `libm.so.6 => /lib/…/libm.so.6 (0x…)` and `/lib64/ld-linux… (0x…)`. */
export function parseLdd(output: string): string[] {
  return output.split("\n").flatMap((line) => /(?:^\s*|=> )(\/\S+) \(0x/.exec(line)?.[1] ?? []);
}

/** What native modules of packages may ask of libc beside what Node does. */
const besideLibc = /^lib((nss_(dns|files)|resolv)\.so\.2|(rt|dl|pthread|util|anl)\.so\.[12]|m\.so\.6)$/;

function listLibcParts(folder: string): string[] {
  const names = readdirSync(folder).filter((name) => besideLibc.test(name));
  return names.map((name) => join(folder, name));
}
