const flagName = "--max-old-space-size=";
const given = process.execArgv.find((one) => one.startsWith(flagName))?.slice(flagName.length);
/** From this version on V8 takes compiled code whatever the flag says. */
const needlessFrom = 24;

/**
 * `node:v8` itself loads all of Node's streams, which would still be compiled anew: the binding behind it loads nothing. It
 * goes away with a version of Node that needs none of this.
 */
const setFlags = (flags: string): void => {
  // With `--no-deprecation` it is true already, and cannot be set.
  const isQuiet = process.noDeprecation === true;
  if (!isQuiet) process.noDeprecation = true;
  try {
    (process as unknown as { binding(name: "v8"): { setFlagsFromString(flags: string): void } })
      .binding("v8")
      .setFlagsFromString(flags);
  } catch {
    process.getBuiltinModule("node:v8").setFlagsFromString(flags);
  } finally {
    if (!isQuiet) delete process.noDeprecation;
  }
};

/**
 * The size of the heap that this process was started with, where its flag has been put back. Units: MiB.
 *
 * Node's own modules come with compiled code, which V8 takes only under the flags it was compiled with. The size of the
 * heap is such a flag, though it is read just once, when the heap is made: put back to what it is without it, it costs
 * nothing more. Else whatever an executor and its code load of Node is compiled anew.
 */
export const heapMbPutBack: number | null =
  given !== undefined && Number.parseInt(process.versions.node, 10) < needlessFrom ? Number(given) : null;
if (heapMbPutBack !== null) setFlags(`${flagName}0`);
