/** Lower-case hex SHA-256 of a text: how every credential is kept. */
export const hashToken = async (token: string): Promise<string> => hashBytes(new TextEncoder().encode(token));

/** Lower-case hex SHA-256 of bytes. */
export const hashBytes = async (bytes: Uint8Array<ArrayBuffer>): Promise<string> => {
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
};
