import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";

/** The folder of a project that is ours: caches, and what `dev` keeps. Git is told to leave it alone. */
export const openProjectFolder = async (projectDir: string, ...parts: string[]): Promise<string> => {
  const home = path.join(projectDir, ".longshore");
  await mkdir(path.join(home, ...parts), { recursive: true });
  await writeFile(path.join(home, ".gitignore"), "*\n", { flag: "wx" }).catch(() => {});
  return path.join(home, ...parts);
};
