import type { Lease } from "@longshore/shared/contract/agent-protocol";

/** What a runner container is given to for good: one deployment of one environment. */
export type Binding = { environmentId: string; deploymentId: string; bundleHash: string; entry: string };

export const bindingOf = ({ environmentId, deployment }: Lease): Binding => ({
  environmentId,
  deploymentId: deployment.id,
  bundleHash: deployment.bundleHash,
  entry: deployment.entry,
});

/** Whether what was bound to the one may serve the other. Code that is the same is not enough. */
export const isSameBinding = (a: Binding, b: Binding): boolean =>
  a.environmentId === b.environmentId &&
  a.deploymentId === b.deploymentId &&
  a.bundleHash === b.bundleHash &&
  a.entry === b.entry;
