import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDiskBlobs } from "@longshore/edge-api/platform/blobs-disk";
import { createS3Blobs } from "@longshore/edge-api/platform/blobs-s3";
import { AwsClient } from "aws4fetch";
import { afterEach, describe, expect, test } from "vitest";
import { serveHttp } from "../../infra/src/stand-ins/serve-http.ts";

const options = {
  ...{ bucket: "bucket", region: "eu-1", accessKeyId: "id", secretAccessKey: "secret" },
};
let close: () => Promise<void> = async () => undefined;
afterEach(() => close());

/** Objects in memory behind S3's addresses; lets through only what is signed with the right key. */
const startBucket = async (): Promise<string> => {
  const objects = new Map<string, { bytes: Buffer; type: string }>();
  const signer = new AwsClient({ ...options, service: "s3" });
  const isSigned = async (method: string, url: URL): Promise<boolean> => {
    const unsigned = new URL(url);
    const signature = unsigned.searchParams.get("X-Amz-Signature");
    for (const name of ["X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Algorithm", "X-Amz-Credential"])
      unsigned.searchParams.delete(name);
    const datetime = unsigned.searchParams.get("X-Amz-Date") ?? "";
    const again = await signer.sign(unsigned.href, { method, aws: { signQuery: true, datetime } });
    return new URL(again.url).searchParams.get("X-Amz-Signature") === signature;
  };
  const server = await serveHttp(async (request, response) => {
    const url = new URL(request.url ?? "", `http://${request.headers.host}`);
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const byHeader = request.headers.authorization?.startsWith("AWS4-HMAC-SHA256 Credential=id/");
    if (!byHeader && !(await isSigned(request.method ?? "", url))) return void response.writeHead(403).end();
    if (request.method === "PUT") {
      objects.set(url.pathname, { bytes: Buffer.concat(parts), type: request.headers["content-type"] ?? "" });
      return void response.writeHead(200).end();
    }
    const object = objects.get(url.pathname);
    if (object === undefined) return void response.writeHead(404).end("<Error/>");
    response
      .writeHead(200, { "content-type": object.type, "content-length": object.bytes.length })
      .end(object.bytes);
  });
  close = server.close;
  return server.url;
};

const openDisk = async () => {
  const folder = await mkdtemp(join(tmpdir(), "longshore-blobs-"));
  close = () => rm(folder, { recursive: true, force: true });
  return createDiskBlobs(folder);
};
const openS3 = async () => createS3Blobs({ ...options, endpoint: await startBucket() });

describe.each([
  { name: "disk", open: openDisk },
  { name: "S3", open: openS3 },
])("blobs on $name", ({ open }) => {
  test("come back as they were put, with their type and size", async () => {
    const blobs = await open();
    expect(await blobs.get("packets/e/none")).toBeNull();
    await blobs.put("packets/e/one", new TextEncoder().encode("häh"), "text/plain");
    await blobs.put("packets/e/one", new TextEncoder().encode("hoho"), "application/json");
    const found = await blobs.get("packets/e/one");
    expect(found).toMatchObject({ size: 4, contentType: "application/json" });
    expect(await new Response(found?.body).text()).toBe("hoho");
  });
});

test("an address that S3's driver signs reads or writes one object without a key", async () => {
  const blobs = await openS3();
  const put = (await blobs.presign?.("PUT", "packets/e/two", 60)) ?? "";
  const headers = { "content-type": "application/json" };
  expect((await fetch(put, { method: "PUT", body: "{}", headers })).status).toBe(200);
  const get = (await blobs.presign?.("GET", "packets/e/two", 60)) ?? "";
  expect(await (await fetch(get)).text()).toBe("{}");
  expect((await fetch(put)).status).toBe(403);
  expect((await fetch(get.replace("two", "three"))).status).toBe(403);
  expect(new URL(get).searchParams.get("X-Amz-Expires")).toBe("60");
});
