/** Lower-case hex SHA-256 of a text: how every credential is kept. */
export const hashToken = async (token: string): Promise<string> => hashBytes(new TextEncoder().encode(token));

/** Credentials whose hash is remembered, in memory alone. */
const rememberedMax = 10_000;
const remembered = new Map<string, string>();

/** The same for a credential that comes with every request. */
export const hashCredential = async (token: string): Promise<string> => {
  const known = remembered.get(token);
  if (known !== undefined) return known;
  const hash = await hashToken(token);
  if (remembered.size >= rememberedMax) remembered.clear();
  remembered.set(token, hash);
  return hash;
};

/** Lower-case hex SHA-256 of bytes. */
export const hashBytes = async (bytes: Uint8Array<ArrayBuffer>): Promise<string> => {
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
};
