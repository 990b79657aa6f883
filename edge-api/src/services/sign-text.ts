import type { Deps } from "./deps.ts";

const hmac = { name: "HMAC", hash: "SHA-256" } as const;

/** What a signature is for: one made for another purpose is worth nothing. */
export type SignPurpose = "token-callback" | "packet-get" | "packet-put";

const keyOf = (deps: Pick<Deps, "secret">, uses: KeyUsage[]): Promise<CryptoKey> =>
  crypto.subtle.importKey("raw", new Uint8Array(deps.secret), hmac, false, uses);

const messageOf = (purpose: SignPurpose, parts: readonly string[]): Uint8Array<ArrayBuffer> =>
  new TextEncoder().encode(JSON.stringify(["signed", purpose, ...parts]));

/** A signature of this API under some parts of an address. Shape: 64 characters of hex. */
export const signText = async (
  deps: Pick<Deps, "secret">,
  purpose: SignPurpose,
  parts: readonly string[],
): Promise<string> => {
  const bytes = await crypto.subtle.sign("HMAC", await keyOf(deps, ["sign"]), messageOf(purpose, parts));
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
};

/** Whether `signText` made it; compared in constant time. */
export const isSigned = async (
  deps: Pick<Deps, "secret">,
  purpose: SignPurpose,
  parts: readonly string[],
  signature: string,
): Promise<boolean> => {
  if (!/^[0-9a-f]{64}$/.test(signature)) return false;
  const bytes = Uint8Array.from(signature.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  return crypto.subtle.verify("HMAC", await keyOf(deps, ["verify"]), bytes, messageOf(purpose, parts));
};
