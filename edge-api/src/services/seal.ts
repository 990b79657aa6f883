import type { Deps } from "./deps.ts";

/*
 * Values at rest: AES-256-GCM under a key derived (HKDF-SHA-256) from a configured one. Each value has its own random
 * nonce, and is bound to its place (environment and name): moved to another row it does not open.
 */

type SealingKey = { id: string; key: CryptoKey };
const known = new WeakMap<Uint8Array, Promise<SealingKey>>();

const text = new TextEncoder();
const nonceBytes = 12;

const derive = async (root: Uint8Array): Promise<SealingKey> => {
  const material = await crypto.subtle.importKey("raw", new Uint8Array(root), "HKDF", false, ["deriveBits"]);
  const bits = (info: string, length: number) =>
    crypto.subtle.deriveBits(
      { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info: text.encode(info) },
      material,
      length,
    );
  const id = new Uint8Array(await bits("longshore env vars: key id", 64));
  const key = await bits("longshore env vars: AES-256-GCM", 256);
  return {
    id: Array.from(id, (byte) => byte.toString(16).padStart(2, "0")).join(""),
    key: await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt", "decrypt"]),
  };
};

const keyOf = (root: Uint8Array): Promise<SealingKey> => {
  // Deriving does no I/O, so requests may share the promise on every runtime.
  const key = known.get(root) ?? derive(root);
  known.set(root, key);
  return key;
};

const toBase64 = (bytes: Uint8Array): string => {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
};

const fromBase64 = (encoded: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(encoded), (char) => char.charCodeAt(0));

type Place = { environmentId: string; name: string };
const placeBytes = ({ environmentId, name }: Place) => text.encode(`${environmentId}\n${name}`);

type Keys = Pick<Deps, "encryptionKeys">;

/** Seals a value under the newest key. Shape: base64 of nonce and ciphertext. */
export const seal = async (
  deps: Keys,
  place: Place,
  value: string,
): Promise<{ sealed: string; keyId: string }> => {
  const [newest] = deps.encryptionKeys;
  if (newest === undefined) throw new Error("there is no encryption key");
  const { id, key } = await keyOf(newest);
  const iv = crypto.getRandomValues(new Uint8Array(nonceBytes));
  const options = { name: "AES-GCM", iv, additionalData: placeBytes(place) };
  const cipher = new Uint8Array(await crypto.subtle.encrypt(options, key, text.encode(value)));
  const bytes = new Uint8Array(nonceBytes + cipher.length);
  bytes.set(iv);
  bytes.set(cipher, nonceBytes);
  return { sealed: toBase64(bytes), keyId: id };
};

/** Opens a value with the key that sealed it. Errors: null when that key is not configured or the bytes are not ours. */
export const unseal = async (
  deps: Keys,
  row: Place & { sealed: string; keyId: string },
): Promise<string | null> => {
  for (const root of deps.encryptionKeys) {
    const { id, key } = await keyOf(root);
    if (id !== row.keyId) continue;
    try {
      const bytes = fromBase64(row.sealed);
      const options = {
        name: "AES-GCM",
        iv: bytes.subarray(0, nonceBytes),
        additionalData: placeBytes(row),
      };
      return new TextDecoder().decode(await crypto.subtle.decrypt(options, key, bytes.subarray(nonceBytes)));
    } catch {
      return null;
    }
  }
  return null;
};

/** Ids of the configured keys, newest first. */
export const keyIds = (deps: Keys): Promise<string[]> =>
  Promise.all(deps.encryptionKeys.map(async (root) => (await keyOf(root)).id));
