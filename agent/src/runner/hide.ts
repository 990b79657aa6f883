import { join } from "node:path";

/**
 * Keeps what runs beside this process, of the same user, out of its memory and environment: a task cannot take the runner
 * over, nor read the token of the container. Only in containers, where the agent asks for it; elsewhere it would keep
 * debuggers out.
 *
 * `folder`: where the libraries are. Shape: whether it is hidden; false on a processor that there is no library for, or
 * where none may be loaded.
 */
export const hide = (folder: string): boolean => {
  if (process.env.LONGSHORE_HIDE !== "1") return false;
  const library = join(folder, `hide-${process.arch}.node`);
  try {
    process.dlopen({ exports: {} }, library);
  } catch (error) {
    // It has done its work when Node finds that it is no module.
    return String(error).includes("did not self-register");
  }
  return false;
};
