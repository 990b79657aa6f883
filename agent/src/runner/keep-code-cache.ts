import { setFlagsFromString } from "node:v8";

const flagName = "--max-old-space-size=";
const flag = process.execArgv.find((one) => one.startsWith(flagName));
/** What Node tells of its modules, though its types do not name it. */
const isLoaded = (name: string): boolean =>
  (process as { moduleLoadList?: string[] }).moduleLoadList?.includes(`NativeModule ${name}`) ?? false;

/**
 * Node's own modules come with compiled code, which V8 takes only under the flags it was compiled with. The size of the
 * heap is such a flag, though it is read just once, when the heap is made: put back to what it is without it, it costs
 * nothing more. Else whatever an executor and its code load of Node is compiled anew.
 */
if (flag) setFlagsFromString(`${flagName}0`);

/** The heaps of worker threads are made later: code that has loaded them finds the flag as it was given. */
export const keepHeapOfWorkers = (): void => {
  if (flag && isLoaded("worker_threads")) setFlagsFromString(flag);
};
