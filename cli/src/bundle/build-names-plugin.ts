import { fileURLToPath } from "node:url";
import type { Plugin } from "esbuild";

/** Names under which a configuration imports build extensions. */
const names = /^(longshore\/build|@trigger\.dev\/build(\/.*)?|@trigger\.dev\/python\/extension)$/;

const own = fileURLToPath(new URL("../extensions/index.ts", import.meta.url));

/** Points the names of build extensions, those of the reference system too, to ours. */
export const buildNamesPlugin = (): Plugin => ({
  name: "longshore-build-names",
  setup(build) {
    build.onResolve({ filter: names }, () => ({ path: own }));
  },
});
