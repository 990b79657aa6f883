import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that take longest, by what is in their path: begun first, so that none of them is alone at the end. */
const longest = [
  "infra/e2e/survival",
  "infra/e2e/examples",
  "adapters/docker",
  "conformance/engine",
  "infra/e2e/",
  "agent.test",
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const found = longest.findIndex((part) => moduleId.includes(part));
      return found < 0 ? longest.length : found;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

/** One configuration for the whole house; `pnpm test` starts it with the services that tests need. */
export default defineConfig({
  test: {
    include: ["**/src/**/*.test.{ts,tsx}", "edge-api/conformance/**/*.test.ts", "infra/e2e/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**", "tmp/**"],
    pool: "forks",
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    testTimeout: 30_000,
    hookTimeout: 60_000,
    globals: false,
  },
});
