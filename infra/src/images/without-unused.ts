import type { Plugin } from "esbuild";

/** What dockerode loads for remote engines and buildkit; the agent uses neither, and one part of it is native code. */
const unused = /^(ssh2|cpu-features|@grpc\/grpc-js|@grpc\/proto-loader|protobufjs)$/;

/** Leaves them out of a bundle that holds dockerode. */
export const withoutUnused: Plugin = {
  name: "without-unused",
  setup(builder) {
    builder.onResolve({ filter: unused }, ({ path }) => ({ path, namespace: "unused" }));
    builder.onLoad({ filter: /./, namespace: "unused" }, () => ({ contents: "module.exports = {};" }));
  },
};
