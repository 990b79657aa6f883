import { AwsClient } from "aws4fetch";
import type { BlobStore } from "../services/deps.ts";

/** A bucket of an S3-compatible store, addressed by path. */
export type S3Options = {
  endpoint: string;
  bucket: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
};

/** Blobs in an S3-compatible bucket. Errors: throws with the status when the store refuses. */
export const createS3Blobs = (options: S3Options): BlobStore => {
  const { accessKeyId, secretAccessKey, region } = options;
  const client = new AwsClient({ accessKeyId, secretAccessKey, region, service: "s3" });
  const base = `${options.endpoint.replace(/\/+$/, "")}/${options.bucket}`;
  const refuse = (method: string, status: number): never => {
    throw new Error(`the blob store answered ${status} to ${method}`);
  };
  return {
    put: async (key, bytes, contentType) => {
      const headers = { "content-type": contentType ?? "application/octet-stream" };
      const body = bytes as Uint8Array<ArrayBuffer>; // a copy would hold a bundle twice
      const answer = await client.fetch(`${base}/${key}`, { method: "PUT", body, headers });
      await answer.body?.cancel();
      if (!answer.ok) refuse("PUT", answer.status);
    },
    get: async (key) => {
      const answer = await client.fetch(`${base}/${key}`);
      if (answer.status === 404) {
        await answer.body?.cancel();
        return null;
      }
      if (!answer.ok || answer.body === null) return refuse("GET", answer.status);
      const size = Number(answer.headers.get("content-length") ?? 0);
      return { body: answer.body, size, contentType: answer.headers.get("content-type") };
    },
    remove: async (key) => {
      const answer = await client.fetch(`${base}/${key}`, { method: "DELETE" });
      await answer.body?.cancel();
      if (!answer.ok && answer.status !== 404) refuse("DELETE", answer.status);
    },
    presign: async (method, key, lifeS) => {
      const url = new URL(`${base}/${key}`);
      url.searchParams.set("X-Amz-Expires", String(lifeS));
      return (await client.sign(url.href, { method, aws: { signQuery: true } })).url;
    },
  };
};
