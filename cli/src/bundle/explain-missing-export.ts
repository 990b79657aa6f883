const direct = /^No matching export in "([^"]+)" for import "([^"]+)"$/;
const byNamespace =
  /^Import "([^"]+)" will always be undefined because there is no matching export in "([^"]+)"$/;

/** The SDK's own entry, in this repository or installed. */
const sdkEntry = /(^|\/)(@longshore\/sdk|sdk)\/(src|dist)\/index\.[mc]?[jt]s$/;

/**
 * esbuild's message about an export that our SDK does not have, in words that say what to do; null for any other.
 * Code written for the reference system meets it where it uses more than we have.
 */
export const explainMissingExport = (text: string): string | null => {
  const [, directFile, directName] = direct.exec(text) ?? [];
  const [, spaceName, spaceFile] = byNamespace.exec(text) ?? [];
  const file = directFile ?? spaceFile;
  const name = directName ?? spaceName;
  if (file === undefined || name === undefined || !sdkEntry.test(file)) return null;
  return `The SDK has no export "${name}". docs/compatibility.md lists, export by export, what there is of @trigger.dev/sdk.`;
};
