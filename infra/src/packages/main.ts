import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { buildDashboard } from "../testing/build-dashboard.ts";
import { makePackages } from "./make-packages.ts";

// `pnpm packages [folder]`: the packages that users install, as archives in `folder` (`dist/packages` unless said).
const root = fileURLToPath(new URL("../../..", import.meta.url));
const kb = (bytes: number): string => `${(bytes / 1_000).toFixed(1)} KB`;

const main = async (): Promise<void> => {
  const into = resolve(process.argv[2] ?? "dist/packages");
  await buildDashboard(root, process.env);
  for (const { name, version, file, packed, unpacked } of await makePackages(root, into))
    console.log(`${name} ${version}  ${kb(packed)}, unpacked ${kb(unpacked)}\n  ${file}`);
};

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
