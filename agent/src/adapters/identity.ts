import { createHash } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { EnrolResponse } from "@longshore/shared/contract/agent-protocol";
import { WireError } from "@longshore/shared/contract/wire-error";
import { exportJWK, generateKeyPair } from "jose";
import { z } from "zod";
import type { Outcome } from "../core/outcome.ts";
import type { HttpClient } from "./http-client.ts";
import { protocolHeaders } from "./protocol-headers.ts";

/** Who this agent is: kept in its data folder, readable by its owner alone. */
export const Identity = z.object({
  agentId: z.string(),
  poolId: z.string(),
  url: z.string(),
  name: z.string(),
  privateJwk: z.object({ kty: z.literal("OKP"), crv: z.literal("Ed25519"), x: z.string(), d: z.string() }),
  /** Hash of the enrol token that made it: another token means that the operator wants another identity. */
  enrolledWith: z.string().optional(),
});
export type Identity = z.infer<typeof Identity>;

const fileOf = (dataDir: string): string => join(dataDir, "identity.json");

export const hashEnrolToken = (token: string): string =>
  createHash("sha256").update(token).digest("hex").slice(0, 32);

/** Errors: throws when the file is there and cannot be understood. */
export const findIdentity = async (dataDir: string): Promise<Identity | null> => {
  const text = await readFile(fileOf(dataDir), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  return text === null ? null : Identity.parse(JSON.parse(text));
};

export const saveIdentity = async (dataDir: string, identity: Identity): Promise<void> => {
  await mkdir(dataDir, { recursive: true });
  const fresh = `${fileOf(dataDir)}.new`;
  await writeFile(fresh, JSON.stringify(identity, null, 2), { mode: 0o600 });
  await rename(fresh, fileOf(dataDir));
};

export type AgentKey = Identity["privateJwk"];

export const makeAgentKey = async (): Promise<AgentKey> => {
  const { privateKey } = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
  return Identity.shape.privateJwk.parse(await exportJWK(privateKey));
};

/**
 * Exchanges a one-time token and the public half of `key` for an agent. A repeat after a lost answer must bring the
 * same key. Cost: one request.
 */
export const enrol = async (
  http: HttpClient,
  url: string,
  input: { token: string; name: string; version: string; key: AgentKey },
  signal: AbortSignal,
): Promise<Outcome<Identity>> => {
  const { token, name, version, key } = input;
  try {
    const answer = await http.request({
      method: "POST",
      url: new URL("/agent/v1/enrol", url),
      headers: { ...protocolHeaders, "content-type": "application/json" },
      body: JSON.stringify({ token, publicKey: key.x, name, version }),
      timeoutMs: 20_000,
      signal,
    });
    const text = answer.body.toString("utf8");
    if (answer.status >= 500 || answer.status === 429) {
      return { kind: "retry", afterMs: null, reason: `the API answered ${answer.status}` };
    }
    if (answer.status >= 400) {
      const said = WireError.safeParse(safeJson(text)).data?.error ?? `status ${answer.status}`;
      return { kind: "fatal", reason: `This agent could not be enrolled at ${url}: ${said}` };
    }
    const made = EnrolResponse.parse(JSON.parse(text));
    return {
      kind: "ok",
      value: { ...made, url, name, privateJwk: key, enrolledWith: hashEnrolToken(token) },
    };
  } catch (error) {
    if (signal.aborted) return { kind: "cut" };
    return { kind: "retry", afterMs: null, reason: error instanceof Error ? error.message : String(error) };
  }
};

export const safeJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
};
