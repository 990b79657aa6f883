/** FNV-1a of 64 bits: spread well enough to group and compare by, and synchronous everywhere. Shape: 16 hex. */
export const textHash = (text: string): string => {
  let value = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) {
    value = BigInt.asUintN(64, (value ^ BigInt(byte)) * 0x100000001b3n);
  }
  return value.toString(16).padStart(16, "0");
};
