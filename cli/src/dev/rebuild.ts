import { buildProject } from "../bundle/build-project.ts";
import { type BuildTools, plainTools } from "../bundle/build-tools.ts";
import { type DeployedProject, deployBuilt } from "../deploy/deploy.ts";

/** What a build in `dev` came to. `kept`: it failed, and the last good one goes on. */
export type RebuildOutcome =
  | { kind: "deployed"; deployed: DeployedProject; elapsedMs: number }
  /** It came out as the last good one. `afterFailure`: what was wrong has been taken back. */
  | { kind: "unchanged"; afterFailure: boolean }
  | { kind: "kept"; error: unknown; hasGood: boolean };

/** Builds on request, one at a time. */
export type Rebuilder = {
  /** Builds now; while a build is going on, once more after it. */
  request(): void;
  /** Resolves when nothing is being built or waiting to be. */
  idle(): Promise<void>;
};

/** What is built, with what, and where it goes. */
type RebuildOptions = {
  dir: string;
  apiUrl: string;
  apiKey: string;
  fetch?: typeof fetch;
  tools?: BuildTools;
};

const rebuildOnce = async (
  { tools = plainTools, ...options }: RebuildOptions,
  lastHash: string | undefined,
  hasFailed: boolean,
): Promise<RebuildOutcome> => {
  const startedMs = performance.now();
  try {
    const built = await buildProject(options.dir, { target: "dev", environment: "dev", tools });
    if (built.archive.hash === lastHash) return { kind: "unchanged", afterFailure: hasFailed };
    const deployed = await deployBuilt(built, { ...options, localEnv: tools.env });
    return { kind: "deployed", deployed, elapsedMs: performance.now() - startedMs };
  } catch (error) {
    return { kind: "kept", error, hasGood: lastHash !== undefined };
  }
};

/** Builds and deploys a project on request, one build at a time; a failed one changes nothing that runs. */
export const createRebuilder = (
  options: RebuildOptions,
  onOutcome: (outcome: RebuildOutcome) => void,
): Rebuilder => {
  let lastHash: string | undefined;
  let hasFailed = false;
  let wanted = false;
  let working: Promise<void> | undefined;
  const work = async () => {
    while (wanted) {
      wanted = false;
      const outcome = await rebuildOnce(options, lastHash, hasFailed);
      if (outcome.kind === "deployed") lastHash = outcome.deployed.bundleHash;
      hasFailed = outcome.kind === "kept";
      onOutcome(outcome);
    }
    working = undefined;
  };
  return {
    request: () => {
      wanted = true;
      working ??= work();
    },
    idle: async () => {
      while (working) await working;
    },
  };
};
