import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { openApiDocument } from "@longshore/edge-api/routes/openapi";

// `pnpm openapi`: writes docs/openapi.json; with --check it only says whether the file is up to date.
const path = fileURLToPath(new URL("../../docs/openapi.json", import.meta.url));
const text = `${JSON.stringify(openApiDocument(), null, 2)}\n`;

if (process.argv.includes("--check")) {
  const written = await readFile(path, "utf8").catch(() => "");
  if (written !== text) {
    console.error("docs/openapi.json is not what the routes say. Write it again with: npx pnpm openapi");
    process.exit(1);
  }
} else {
  await writeFile(path, text);
}
