import type { BuildExtension } from "./build-extension.ts";

/** A variable as a source of them answers it. */
export type SyncedEnvVar = { name: string; value: string; isParentEnv?: boolean; isSecret?: boolean };

/** What a source of variables is told. */
export type SyncEnvVarsParams = {
  projectRef: string;
  environment: string;
  branch?: string;
  env: Record<string, string>;
};

type Answer = SyncedEnvVar[] | Record<string, string> | undefined;

const listOf = (answer: Answer): SyncedEnvVar[] => {
  if (answer === undefined) return [];
  if (Array.isArray(answer)) return answer;
  return Object.entries(answer).map(([name, value]) => ({ name, value }));
};

const pick = (list: SyncedEnvVar[], isParentEnv: boolean, isSecret: boolean): Record<string, string> =>
  Object.fromEntries(
    list
      .filter((one) => (one.isParentEnv ?? false) === isParentEnv && (one.isSecret ?? false) === isSecret)
      .map(({ name, value }) => [name, value]),
  );

/**
 * Sets variables of the environment from wherever they are kept, at each deployment: `syncEnvVars(async ({ environment })
 * => [{ name, value }])`. Without `override: false` they replace what is set.
 */
export const syncEnvVars = (
  source: (params: SyncEnvVarsParams) => Answer | Promise<Answer>,
  options: { override?: boolean } = {},
): BuildExtension => ({
  name: "syncEnvVars",
  async onBuildComplete(context) {
    if (context.target !== "deploy") return;
    const list = listOf(
      await source({
        projectRef: context.config.project ?? "",
        environment: context.environment ?? "prod",
        ...(context.branch === undefined ? {} : { branch: context.branch }),
        env: Object.fromEntries(
          Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
        ),
      }),
    );
    context.addLayer({
      id: "syncEnvVars",
      deploy: {
        env: pick(list, false, false),
        parentEnv: pick(list, true, false),
        secretEnv: pick(list, false, true),
        secretParentEnv: pick(list, true, true),
        override: options.override ?? true,
      },
    });
  },
});
