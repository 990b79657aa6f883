import { createHash } from "node:crypto";
import { ApiConnectionError, type Client, NotFoundError } from "@longshore/sdk";
import { BundleReceipt, bundleBytesMax } from "@longshore/shared/contract/deployments";
import { z } from "zod";
import type { Archive } from "../bundle/archive.ts";
import { CliError } from "../cli-error.ts";
import { exitCodes } from "../exit-codes.ts";

/** So little is sent sooner than it is asked for. Units: bytes. */
const smallBytes = 256 * 1024;
/** Larger archives go in parts, so that an upload that is cut goes on where it was. Units: bytes. */
const partBytes = 4 * 1024 * 1024;

const PartReceipt = z.object({ sizeBytes: z.int() });

const isThere = async (client: Client, path: string): Promise<boolean> => {
  try {
    await client.send("HEAD", path);
    return true;
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  }
};

const partsOf = (bytes: Uint8Array<ArrayBuffer>): { hash: string; bytes: Uint8Array<ArrayBuffer> }[] => {
  const parts = [];
  for (let at = 0; at < bytes.length; at += partBytes) {
    const part = bytes.slice(at, at + partBytes);
    parts.push({ hash: createHash("sha256").update(part).digest("hex"), bytes: part });
  }
  return parts;
};

const putParts = async (
  client: Client,
  { bytes, hash }: Archive,
  onPart: (sent: number) => void,
): Promise<BundleReceipt> => {
  const parts = partsOf(bytes);
  let done = 0;
  for (const part of parts) {
    const path = `/api/v1/bundle-parts/${part.hash}`;
    if (!(await isThere(client, path))) {
      await client.request(PartReceipt, "PUT", path, {
        bytes: part.bytes,
        headers: { "content-type": "application/octet-stream" },
      });
    }
    done += part.bytes.length;
    onPart(done);
  }
  return client.request(BundleReceipt, "POST", `/api/v1/bundles/${hash}/assemble`, {
    body: { parts: parts.map((part) => part.hash) },
  });
};

/** Whoever is told that the way was cut wants to know what becomes of what arrived. */
const explainCut = (error: unknown): unknown =>
  error instanceof ApiConnectionError
    ? new CliError(error.message, {
        next: "check the network and run the same command again: parts that arrived are not sent again",
        exitCode: exitCodes.unreachable,
        cause: error,
      })
    : error;

const mibOf = (bytes: number): string => `${Math.ceil(bytes / 1024 / 1024)} MiB`;

/** Refuses what the API would refuse once it had arrived. Errors: CliError that says how much is too much. */
export const refuseTooLarge = (what: "code" | "packages", { bytes }: Pick<Archive, "bytes">): void => {
  if (bytes.length <= bundleBytesMax) return;
  throw new CliError(
    `the archive of the ${what} has ${mibOf(bytes.length)}; ${mibOf(bundleBytesMax)} are the most`,
    {
      next:
        what === "code"
          ? "longshore analyze shows what the code is made of; large files are better fetched by the run"
          : "leave packages out that runs do not need, or put them into the image: longshore deploy --image",
    },
  );
};

const kibOf = (bytes: number): string => `${Math.ceil(bytes / 1024)} KiB`;

/**
 * Uploads an archive unless the API has it; a large one in parts, of which those that arrived before are not sent again.
 *
 * Errors: ApiError of the request that failed; CliError when the way was cut between parts, or something else arrived.
 */
export const uploadArchive = async (
  client: Client,
  archive: Archive,
  say: (detail: string) => void,
): Promise<void> => {
  const { bytes, hash } = archive;
  const isSmall = bytes.length <= smallBytes;
  if (!isSmall && (await isThere(client, `/api/v1/bundles/${hash}`))) return say("already there");
  if (bytes.length <= 2 * partBytes) {
    say(kibOf(bytes.length));
    const receipt = await client.request(BundleReceipt, "PUT", `/api/v1/bundles/${hash}`, {
      bytes,
      headers: { "content-type": "application/gzip" },
    });
    if (receipt.hash === hash) return;
    throw new CliError(`the upload arrived damaged: sent ${hash}, stored ${receipt.hash}`, {
      next: "deploy again",
    });
  }
  const onPart = (sent: number) => say(`${kibOf(sent)} of ${kibOf(bytes.length)}`);
  await putParts(client, archive, onPart).catch((error: unknown) => {
    throw explainCut(error);
  });
};
