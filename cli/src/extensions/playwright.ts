import { findPackage, readPackageJson } from "../bundle/package-of.ts";
import type { BuildExtension } from "./build-extension.ts";

type Browser = "chromium" | "firefox" | "webkit" | "chromium-headless-shell";
const browsersPath = "/opt/playwright";
const names = ["playwright", "playwright-core", "@playwright/test"];

/** The version whose browsers the code will look for. */
const installedVersion = (dir: string): string | undefined =>
  names
    .map((name) => findPackage(name, dir))
    .flatMap((found) => (found === null ? [] : (readPackageJson(found)?.version ?? [])))[0];

/** The browsers of the project's Playwright, with the libraries they need. Deploy with `--image`. */
export const playwright = (
  options: { browsers?: Browser[]; headless?: boolean; version?: string } = {},
): BuildExtension => ({
  name: "playwright",
  externalsForTarget: () => names,
  onBuildStart(context) {
    if (context.target !== "deploy") return;
    const version = options.version ?? installedVersion(context.workingDir);
    if (version === undefined)
      throw new Error("playwright is not installed in the project: npm install playwright");
    const browsers = (options.browsers ?? ["chromium"]).join(" ");
    context.addLayer({
      id: "playwright",
      image: {
        instructions: [
          `ENV PLAYWRIGHT_BROWSERS_PATH=${browsersPath}`,
          `RUN npx -y playwright@${version} install --with-deps ${browsers}`,
        ],
      },
      deploy: { env: { PLAYWRIGHT_BROWSERS_PATH: browsersPath }, override: true },
    });
  },
});
