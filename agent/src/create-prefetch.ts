import type { BundleStore } from "./ports/bundle-store.ts";
import type { Logger } from "./ports/logger.ts";

/**
 * Fetches the code of versions that became current, one after another, before a run needs it. What cannot be fetched is
 * left to its first run, which then says why. So is all of it where keys are pinned: news are hashes without a signature,
 * and nothing is fetched or unpacked whose signature was not checked.
 */
export const createPrefetch = (
  bundles: Pick<BundleStore, "prefetch">,
  logger: Logger,
  stopped: AbortSignal,
  trustedKeys: readonly string[],
): ((hashes: readonly string[]) => void) => {
  if (trustedKeys.length > 0) return () => {};
  let last = Promise.resolve();
  const fetchOne = async (hash: string): Promise<void> => {
    if (stopped.aborted) return;
    try {
      await bundles.prefetch(hash, stopped);
    } catch (error) {
      if (!stopped.aborted) logger.info("a new version is not fetched yet", { hash, why: String(error) });
    }
  };
  return (hashes) => {
    for (const hash of hashes) last = last.then(() => fetchOne(hash));
  };
};
