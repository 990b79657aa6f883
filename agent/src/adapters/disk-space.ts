import { statfs } from "node:fs/promises";

/** What is free on the disk of a folder for a process that is not root. Units: bytes. Errors: when it cannot be asked. */
export const freeBytes = async (folder: string): Promise<number> => {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
};
