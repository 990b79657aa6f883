import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { emptyFolder } from "./empty-folder.ts";

test("a folder is emptied, and what its links lead to is left alone", async () => {
  const root = mkdtempSync(join(tmpdir(), "longshore-empty-"));
  try {
    const inside = join(root, "inside");
    const outside = join(root, "outside");
    mkdirSync(join(inside, "deep/er"), { recursive: true });
    mkdirSync(outside);
    writeFileSync(join(outside, "file"), "stays");
    writeFileSync(join(inside, "deep/er/file"), "goes");
    writeFileSync(join(inside, ".hidden"), "goes");
    symlinkSync(outside, join(inside, "folder-link"));
    symlinkSync(outside, join(inside, "deep/folder-link"));
    symlinkSync(join(outside, "file"), join(inside, "file-link"));
    symlinkSync(join(root, "nobody"), join(inside, "dangling"));
    await emptyFolder(inside);
    expect(readdirSync(inside)).toEqual([]);
    expect(readFileSync(join(outside, "file"), "utf8")).toBe("stays");
    await emptyFolder(join(root, "not-there"));
  } finally {
    rmSync(root, { recursive: true });
  }
});
