import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import type { BuildExtension } from "./build-extension.ts";

/** What is used of the compiler; versions before 7 have it. */
type Compiler = {
  transpileModule(
    text: string,
    options: { compilerOptions: Record<string, unknown>; fileName: string },
  ): { outputText: string };
  ModuleKind: { ESNext: number };
  ScriptTarget: { ES2022: number };
  JsxEmit: { ReactJSX: number };
};

const mayHaveDecorators = /(^|[\s(,])@[A-Za-z_$]/m;

const loadCompiler = (projectDir: string): Compiler => {
  const fromProject = createRequire(path.join(projectDir, "package.json"));
  let found: Partial<Compiler>;
  try {
    found = fromProject("typescript");
  } catch {
    throw new Error(
      'emitDecoratorMetadata needs the "typescript" package in the project: install typescript@5',
    );
  }
  if (typeof found.transpileModule !== "function") {
    throw new Error(
      "emitDecoratorMetadata needs a TypeScript before 7, whose compiler can be called: install typescript@5",
    );
  }
  return found as Compiler;
};

/** Keeps the types of what is decorated at run time, as TypeORM and NestJS need. Uses the project's own TypeScript, before 7. */
export const emitDecoratorMetadata = (): BuildExtension => ({
  name: "emitDecoratorMetadata",
  onBuildStart(context) {
    const compiler = loadCompiler(context.workingDir);
    const compilerOptions = {
      module: compiler.ModuleKind.ESNext,
      target: compiler.ScriptTarget.ES2022,
      jsx: compiler.JsxEmit.ReactJSX,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
      useDefineForClassFields: false,
      inlineSourceMap: true,
      inlineSources: true,
    };
    context.registerPlugin({
      name: "longshore-decorators",
      setup(build) {
        build.onLoad({ filter: /\.[mc]?tsx?$/ }, async ({ path: file }) => {
          if (/[\\/]node_modules[\\/]/.test(file)) return undefined;
          const text = await readFile(file, "utf8");
          if (!mayHaveDecorators.test(text)) return undefined;
          const { outputText } = compiler.transpileModule(text, { compilerOptions, fileName: file });
          return { contents: outputText, loader: "js", resolveDir: path.dirname(file) };
        });
      },
    });
  },
});
