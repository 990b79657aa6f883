import type { BundleManifest, ManifestTask } from "@longshore/shared/contract/manifest";

/** The tasks that the project wrote: those that the SDK adds for `finalise` are nobody's to look for. */
export const ownTasks = ({ tasks }: Pick<BundleManifest, "tasks">): ManifestTask[] => {
  const added = new Set(tasks.map(({ finaliser }) => finaliser));
  return tasks.filter(({ id }) => !added.has(id));
};
