import type { Deps } from "./deps.ts";

/** No vowels, so that no code is a word, and nothing that looks like something else. */
const alphabet = "BCDFGHJKLMNPQRSTVWXZ";
const length = 8;

/** A code that a person reads on one screen and compares on another. Shape: 8 consonants, 34 bits. */
export const newUserCode = (): string =>
  Array.from(crypto.getRandomValues(new Uint32Array(length)), (n) => alphabet[n % alphabet.length]).join("");

const plain = (code: string): string => code.toUpperCase().replace(/[^A-Z]/g, "");

/** As it is shown: in two groups. */
export const formatUserCode = (code: string): string => {
  const letters = plain(code).slice(0, length);
  return `${letters.slice(0, length / 2)}-${letters.slice(length / 2)}`;
};

/** How it is kept: keyed by the API's secret, because 34 bits are soon searched. Case and separators do not count. */
export const hashUserCode = async (deps: Pick<Deps, "secret">, code: string): Promise<string> => {
  const algorithm = { name: "HMAC", hash: "SHA-256" } as const;
  const key = await crypto.subtle.importKey("raw", new Uint8Array(deps.secret), algorithm, false, ["sign"]);
  const text = new TextEncoder().encode(`sign-in code:${plain(code)}`);
  const digest = new Uint8Array(await crypto.subtle.sign("HMAC", key, text));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
};
