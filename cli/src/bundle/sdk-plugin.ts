import { createRequire } from "node:module";
import path from "node:path";
import type { Plugin } from "esbuild";

const ownRequire = createRequire(import.meta.url);
const ownSdk = "@longshore/sdk";

/** Names under which task files import the SDK. */
const sdkNames = /^(@longshore\/sdk|@trigger\.dev\/sdk)(\/v3)?$/;
/** Python has an entry of its own: it needs processes, which not every place has that the SDK runs in. */
const pythonNames = /^(@longshore\/sdk\/python|@trigger\.dev\/python)$/;
/** Its further entries (AI, chat, OIDC) are not ours. */
const otherTriggerSdk = /^@trigger\.dev\/sdk\//;

/** Where this package's own SDK is; a project without one of its own gets it. */
export const ownSdkPath = (): string => ownRequire.resolve(ownSdk);

/**
 * Points every name of the SDK to one copy of ours: the project's, or else this package's own. Task files written for
 * the reference system are built unmodified so.
 */
export const sdkPlugin = (projectDir: string): Plugin => ({
  name: "longshore-sdk",
  setup(build) {
    let found: Promise<string> | undefined;
    const locate = async (): Promise<string> => {
      const own = await build.resolve(ownSdk, {
        resolveDir: projectDir,
        kind: "import-statement",
        pluginData: { skip: true },
      });
      return own.errors.length === 0 ? own.path : ownSdkPath();
    };
    build.onResolve({ filter: pythonNames }, async () => {
      found ??= locate();
      const { dir, ext } = path.parse(await found);
      return { path: path.join(dir, `python${ext}`) };
    });
    build.onResolve({ filter: sdkNames }, async (args) => {
      if (args.pluginData?.skip) return undefined;
      found ??= locate();
      return { path: await found };
    });
    build.onResolve({ filter: otherTriggerSdk }, (args) => ({
      errors: [
        {
          text: `"${args.path}" is not in Longshore: import from "@trigger.dev/sdk" or "@longshore/sdk". docs/compatibility.md lists, export by export, what there is.`,
        },
      ],
    }));
  },
});
