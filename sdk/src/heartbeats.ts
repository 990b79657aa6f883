type WithImmediate = { setImmediate?: (callback: () => void) => unknown };

let lastAt: Date | undefined;

const yieldNow = async (): Promise<void> => {
  lastAt = new Date();
  const { setImmediate } = globalThis as WithImmediate;
  await new Promise<void>((resolve) => (setImmediate ? setImmediate(resolve) : setTimeout(resolve, 0)));
};

/**
 * `yield` lets timers and input have their turn in the middle of long computations. A run needs none to be known as alive:
 * its runner says so for it, however busy the task is.
 */
export const heartbeats = { yield: yieldNow, getLastHeartbeat: (): Date | undefined => lastAt };
