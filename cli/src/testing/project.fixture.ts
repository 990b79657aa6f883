import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect } from "vitest";
import { BundleError } from "../bundle/bundle-error.ts";

/** A project of the given files in a folder of its own, outside the workspace. */
export const createProject = async (
  files: Record<string, string>,
): Promise<{ dir: string; write(file: string, text: string): Promise<void>; remove(): Promise<void> }> => {
  const dir = await realpath(await mkdtemp(path.join(tmpdir(), "longshore-project-")));
  const write = async (file: string, text: string) => {
    const target = path.join(dir, file);
    await mkdir(path.dirname(target), { recursive: true });
    await writeFile(target, text);
  };
  await write("longshore.config.ts", 'export default { project: "test" };\n');
  for (const [file, text] of Object.entries(files)) await write(file, text);
  return { dir, write, remove: () => rm(dir, { recursive: true, force: true }) };
};

/** Makes projects for a test file. Shape: `make` answers a project's folder; `removeAll` is for `afterEach`. */
export const createProjects = () => {
  const removers: (() => Promise<void>)[] = [];
  return {
    make: async (files: Record<string, string>): Promise<string> => {
      const made = await createProject(files);
      removers.push(made.remove);
      return made.dir;
    },
    /** Something else that goes with them. */
    onRemove: (remove: () => Promise<void>): void => void removers.push(remove),
    removeAll: async (): Promise<void> => {
      for (const remove of removers.splice(0)) await remove();
    },
  };
};

/** The reason for which this must not succeed. Errors: fails the test when it does, or when it fails otherwise. */
export const expectBundleError = async (work: Promise<unknown>): Promise<BundleError> => {
  const error = await work.then(
    () => expect.fail("it must not build"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(BundleError);
  return error as BundleError;
};
