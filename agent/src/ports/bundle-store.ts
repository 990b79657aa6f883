/** The code of deployments, on this host. */
export type BundleStore = {
  /**
   * Puts the files of the bundle and of its layers into an empty folder; what is not there yet is fetched. They are the same files as the
   * store's wherever the file system can link them: not to be changed. Errors: `StartError`.
   */
  place(hash: string, folder: string, signal: AbortSignal): Promise<void>;
  /** Fetches a bundle and its layers unless they are there, for runs to come. Errors: `StartError`. */
  prefetch(hash: string, signal: AbortSignal): Promise<void>;
};
