import type { DetectedProject } from "./detect-project.ts";
import type { PackageManager } from "./find-package-manager.ts";

/** The configuration of a new project. */
export const configText = (project: string, dirs: string[]): string =>
  `import { defineConfig } from "@longshore/sdk";

export default defineConfig({
  project: ${JSON.stringify(project)},
  dirs: ${JSON.stringify(dirs)},
  maxDuration: 300,
  retries: { default: { maxAttempts: 3, minTimeoutInMs: 1_000, maxTimeoutInMs: 10_000, factor: 2 } },
});
`;

/** The first task of a new project. */
export const exampleText = (isTypeScript: boolean): string =>
  `import { logger, task } from "@longshore/sdk";

export const helloWorld = task({
  id: "hello-world",
  run: async (payload${isTypeScript ? ": { name: string }" : ""}) => {
    logger.info("Greeting", { name: payload.name });
    return { message: \`Hello, \${payload.name}!\` };
  },
});
`;

/** What `init` offers to add to package.json. */
export const scripts = { "tasks:dev": "longshore dev", "tasks:deploy": "longshore deploy" } as const;

const adds: Record<PackageManager, [sdk: string, cli: string]> = {
  npm: ["npm install @longshore/sdk", "npm install --save-dev longshore"],
  pnpm: ["pnpm add @longshore/sdk", "pnpm add --save-dev longshore"],
  yarn: ["yarn add @longshore/sdk", "yarn add --dev longshore"],
  bun: ["bun add @longshore/sdk", "bun add --dev longshore"],
};

const runners: Record<PackageManager, string> = { npm: "npx", pnpm: "pnpm exec", yarn: "yarn", bun: "bunx" };

const callers: Record<DetectedProject["framework"], string> = {
  next: "a route handler or server action",
  remix: "an action or loader",
  nuxt: "a handler in server/api",
  hono: "a route's handler",
  express: "a route's handler",
  plain: "your code",
};

/** What to do after `init`, a line each. */
export const nextSteps = (
  { manifest, packageManager, framework }: DetectedProject,
  exampleFile: string,
): string[] => {
  const known = { ...manifest?.dependencies, ...manifest?.devDependencies };
  const [sdk, cli] = adds[packageManager];
  const missing = [...("@longshore/sdk" in known ? [] : [sdk]), ...("longshore" in known ? [] : [cli])];
  const run = runners[packageManager];
  const from = exampleFile.replace(/\.[jt]s$/, "");
  return [
    ...missing,
    `${run} longshore dev                    # runs tasks here and rebuilds on every change`,
    `${run} longshore trigger hello-world '{"name":"Ada"}' --wait`,
    `from ${callers[framework]}: import { helloWorld } from "./${from}"; await helloWorld.trigger({ name: "Ada" })`,
  ];
};
