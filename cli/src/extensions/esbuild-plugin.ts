import type { Plugin } from "esbuild";
import type { BuildExtension, RegisterPluginOptions } from "./build-extension.ts";

/** Adds a plugin of esbuild to the build. */
export const esbuildPlugin = (plugin: Plugin, options: RegisterPluginOptions = {}): BuildExtension => ({
  name: `esbuildPlugin:${plugin.name}`,
  onBuildStart(context) {
    context.registerPlugin(plugin, options);
  },
});
