import type { BuildExtension } from "./build-extension.ts";

/** Debian packages that the system of the runs has: `aptGet({ packages: ["ghostscript"] })`. Deploy with `--image`. */
export const aptGet = (options: { packages: string[] }): BuildExtension => ({
  name: "aptGet",
  onBuildStart(context) {
    if (context.target !== "deploy") return;
    context.addLayer({ id: "aptGet", image: { pkgs: options.packages } });
  },
});
