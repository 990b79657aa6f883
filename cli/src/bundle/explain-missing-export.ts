const direct = /^No matching export in "([^"]+)" for import "([^"]+)"$/;
const byNamespace =
  /^Import "([^"]+)" will always be undefined because there is no matching export in "([^"]+)"$/;

/** The SDK's own entry, in this repository or installed. */
const sdkEntry = /(^|\/)(@longshore\/sdk|sdk)\/(src|dist)\/index\.[mc]?[jt]s$/;

/** The entry of the build extensions, in the same ways. */
const buildEntry = /(^|\/)(longshore\/dist\/build|cli\/src\/extensions\/index)\.[mc]?[jt]s$/;

/**
 * esbuild's message about an export that our SDK or the build extensions do not have, in words that say what to do; null for any other.
 * Code written for the reference system meets it where it uses more than we have.
 */
export const explainMissingExport = (text: string): string | null => {
  const [, directFile, directName] = direct.exec(text) ?? [];
  const [, spaceName, spaceFile] = byNamespace.exec(text) ?? [];
  const file = directFile ?? spaceFile;
  const name = directName ?? spaceName;
  if (file === undefined || name === undefined) return null;
  if (buildEntry.test(file))
    return `There is no build extension "${name}". docs/deploying.md lists those that there are.`;
  if (!sdkEntry.test(file)) return null;
  return `The SDK has no export "${name}". docs/compatibility.md lists, export by export, what there is of @trigger.dev/sdk.`;
};
