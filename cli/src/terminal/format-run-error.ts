import type { WireRunError } from "@longshore/shared/contract/runs";

/** Where a run finds its code: in a container, and as a process of this machine. */
const bundleFolder = /(?:file:\/\/)?(?:\/longshore\/bundle|\/[^\s()]*?\/box_\w+\/b)\//g;
const foreign = /node_modules\/|\bnode:|\(<anonymous>\)|\/longshore\/bin\/|\/executor\.[cm]js:/;
const isFrame = (line: string): boolean => /^\s+at\s/.test(line);

/**
 * A run's error for people: what was thrown, with its causes, and of the stack the frames in the project's own files, whose
 * paths are those in the project. `--json` has it whole.
 */
export const formatRunError = ({ name, message, stackTrace }: WireRunError): string => {
  const heading = name === undefined || name === "Error" ? message : `${name}: ${message}`;
  const lines = (stackTrace ?? heading).replaceAll(bundleFolder, "").split("\n");
  return lines.filter((line) => !isFrame(line) || !foreign.test(line)).join("\n");
};
