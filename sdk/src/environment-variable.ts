type WithProcess = { process?: { env?: Record<string, string | undefined> } };

/** The first of these environment variables that is set and not empty; undefined where there is no environment. */
export const environmentVariable = (...names: string[]): string | undefined => {
  const variables = (globalThis as WithProcess).process?.env;
  for (const name of names) if (variables?.[name]) return variables[name];
  return undefined;
};
