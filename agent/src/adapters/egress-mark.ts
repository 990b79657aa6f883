import { readFile, rename, writeFile } from "node:fs/promises";

/** Left by whoever set the rules for an agent that may not: until the next boot they are there. */
type Mark = { bootId: string; bridge: string };

const readBootId = async (): Promise<string> =>
  (await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "")).trim();

/** Says that the rules for a bridge are set. Shape: one file for one bridge. */
export const writeEgressMark = async (path: string, bridge: string): Promise<void> => {
  const mark: Mark = { bootId: await readBootId(), bridge };
  await writeFile(`${path}.new`, JSON.stringify(mark), { mode: 0o644 });
  await rename(`${path}.new`, path);
};

/** Whether the rules for this bridge were set since the machine was started. */
export const hasEgressMark = async (path: string, bridge: string): Promise<boolean> => {
  try {
    const mark = JSON.parse(await readFile(path, "utf8")) as Partial<Mark>;
    return mark.bridge === bridge && mark.bootId === (await readBootId());
  } catch {
    return false; // not there yet
  }
};
