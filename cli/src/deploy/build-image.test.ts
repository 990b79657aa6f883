import { expect, test } from "vitest";
import { dockerfileOf, refuseSystem } from "./build-image.ts";

test("packages of all layers are installed at once, then each layer's own lines follow", () => {
  const layers = [
    {
      id: "one",
      image: { pkgs: ["b", "a"], instructions: ["RUN one"] },
      build: { env: { KEY: 'a "b" $c' } },
    },
    { id: "two", image: { pkgs: ["a"] }, commands: ["two --now"] },
  ];
  expect(dockerfileOf("base:1", layers).split("\n")).toEqual([
    "FROM base:1",
    "USER root",
    'ARG KEY="a \\"b\\" \\$c"',
    expect.stringMatching(/^RUN dpkg -s b a >\/dev\/null 2>&1 \|\| \{ apt-get update && .* b a && /),
    "RUN one",
    "RUN two --now",
    "",
  ]);
  expect(() => dockerfileOf("base", [{ id: "x", build: { env: { "A B": "" } } }])).toThrow('x: "A B" is not');
  expect(() => dockerfileOf("base", [{ id: "x", image: { pkgs: ["a; rm -rf /"] } }])).toThrow("not the name");
});

test("what needs a system is refused without an image, with the extensions' names", () => {
  expect(() => refuseSystem([])).not.toThrow();
  expect(() => refuseSystem([{ id: "ffmpeg" }, { id: "aptGet" }])).toThrow("(ffmpeg, aptGet)");
});
