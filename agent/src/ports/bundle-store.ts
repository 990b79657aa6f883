/** The code of deployments, on this host. */
export type BundleStore = {
  /**
   * Puts the bundle's files into an empty folder; it is fetched if it is not there yet. They are the same files as the
   * store's wherever the file system can link them: not to be changed. Errors: `StartError`.
   */
  place(hash: string, folder: string, signal: AbortSignal): Promise<void>;
};
