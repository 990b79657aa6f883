import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Files that take longest, by what is in their path, the longest first: none of them is alone at the end. Of those that
 * take as long, one that mostly waits comes after one that keeps the processors busy.
 */
const longest = [
  "infra/e2e/examples",
  "infra/e2e/survival-host",
  "infra/e2e/survival-agent",
  "engine/model",
  "infra/e2e/survival-engine",
  "agent/src/agent.test",
  "http/workerd",
  "adapters/docker-pool",
  "infra/e2e/hello",
  "fuzz/node",
  "infra/e2e/api-kill",
  "infra/e2e/packages",
  "infra/e2e/compose",
  "http/embedded",
  "infra/e2e/start-failure",
  "http/node",
  "infra/e2e/survival-ends",
  "infra/e2e/demo",
  "plans.test",
  "infra/e2e/",
  "adapters/",
  "agent/src/keep-alive",
  // Each of these has a process of its own.
  "official-client.test",
  "commands/agent.test",
  "sign-in.test",
  "dev/dev.test",
  "sdk/sdk.test",
];

/** Files that share a process come one after another, or each would have one of its own. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification): number => {
      const found = longest.findIndex((part) => moduleId.includes(part));
      return (project.config.isolate ? longest.length + 1 : 0) + (found < 0 ? longest.length : found);
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

/** What keeps nothing in its modules that another file could meet; loading them for each file took an eighth of all time. */
const sharing = [
  "agent/src/**/*.test.ts",
  "edge-api/conformance/*.test.ts",
  "edge-api/conformance/{engine,fuzz,http}/**/*.test.ts",
  "edge-api/dashboard/src/**/*.test.{ts,tsx}",
  "edge-api/src/**/*.test.ts",
  "infra/e2e/**/*.test.ts",
  "infra/src/**/*.test.ts",
  "shared/src/**/*.test.ts",
];
/** They tell the cases of one file, by variables, where to run. */
const pages = "infra/e2e/dashboard*.test.ts";
/** The SDK has settings for a whole process, and so have the programs that are tried in one. */
const alone = [
  pages,
  "cli/src/**/*.test.ts",
  "edge-api/conformance/{official-client,sdk}/**/*.test.ts",
  "sdk/src/**/*.test.ts",
];

/** One configuration for the whole house; `pnpm test` starts it with the services that tests need. */
export default defineConfig({
  test: {
    exclude: ["**/node_modules/**", "**/dist/**", "tmp/**"],
    pool: "forks",
    // One more than there are processors where all must run: files that wait for leases and containers leave theirs idle.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    testTimeout: 60_000,
    hookTimeout: 120_000,
    globals: false,
    projects: [
      { extends: true, test: { name: "sharing", include: sharing, exclude: [pages], isolate: false } },
      { extends: true, test: { name: "alone", include: alone } },
    ],
  },
});
