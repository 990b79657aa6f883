import type { BuildExtension } from "./build-extension.ts";

/** Debian's Chromium for Puppeteer, which is told where it is. Deploy with `--image`. */
export const puppeteer = (): BuildExtension => ({
  name: "puppeteer",
  externalsForTarget: () => ["puppeteer", "puppeteer-core"],
  onBuildStart(context) {
    if (context.target !== "deploy") return;
    context.addLayer({
      id: "puppeteer",
      image: { pkgs: ["chromium", "fonts-liberation"] },
      deploy: {
        env: { PUPPETEER_EXECUTABLE_PATH: "/usr/bin/chromium", PUPPETEER_SKIP_DOWNLOAD: "true" },
        override: true,
      },
    });
  },
});
