import { readFile, rename, rm, writeFile } from "node:fs/promises";

/** Left by whoever sets the rules for an agent that may not. `setAtMs`: when they were last looked at and there. */
type Mark = { bootId: string; bridge: string; setAtMs: number };

/** How often a helper looks at the rules and renews its mark, and how old one may be. Units: milliseconds. */
export const markEveryMs = 20_000;
const markValidMs = 60_000;

const readBootId = async (): Promise<string> =>
  (await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "")).trim();

/** Says that the rules for a bridge were there at a moment (wall clock). Shape: one file for one bridge. */
export const writeEgressMark = async (path: string, bridge: string, setAtMs: number): Promise<void> => {
  const mark: Mark = { bootId: await readBootId(), bridge, setAtMs };
  await writeFile(`${path}.new`, JSON.stringify(mark), { mode: 0o644 });
  await rename(`${path}.new`, path);
};

/** Takes it back: from now on no container is made. */
export const removeEgressMark = (path: string): Promise<void> => rm(path, { force: true });

/**
 * Whether somebody sees to the rules for this bridge: a mark holds for a minute. Units: `nowMs`, wall clock.
 *
 * Shape: why not, for a person; null when somebody does.
 */
export const whyNoEgressMark = async (
  path: string,
  bridge: string,
  nowMs: number,
): Promise<string | null> => {
  const nobody = `nobody has set the rules for ${bridge}`;
  let mark: Partial<Mark>;
  try {
    mark = JSON.parse(await readFile(path, "utf8")) as Partial<Mark>;
  } catch {
    return `${nobody}: ${path} is not written`;
  }
  if (mark.bridge !== bridge) return `${nobody}: ${path} is for another LONGSHORE_EGRESS_ALLOW`;
  if (mark.bootId !== (await readBootId())) return `${nobody} since the host was started`;
  // One from the future is of a clock that was set back: its age is unknown.
  const ageMs = Math.abs(nowMs - (mark.setAtMs ?? 0));
  return ageMs <= markValidMs ? null : `${nobody} lately: ${path} is not renewed any more`;
};
