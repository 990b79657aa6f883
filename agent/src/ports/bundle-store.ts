/** The code of deployments, on this host. */
export type BundleStore = {
  /** The folder of the unpacked bundle; fetched if it is not there yet. Errors: `StartError`. */
  get(hash: string, signal: AbortSignal): Promise<string>;
};
