import { createRequire } from "node:module";
import type { Plugin } from "esbuild";

/** Names under which a configuration imports build extensions. */
const names = /^(longshore\/build|@trigger\.dev\/build(\/.*)?|@trigger\.dev\/python\/extension)$/;

/** By its public name, which this package has as sources and as it is published. */
const own = createRequire(import.meta.url).resolve("longshore/build");

/** Points the names of build extensions, those of the reference system too, to ours. */
export const buildNamesPlugin = (): Plugin => ({
  name: "longshore-build-names",
  setup(build) {
    build.onResolve({ filter: names }, () => ({ path: own }));
  },
});
