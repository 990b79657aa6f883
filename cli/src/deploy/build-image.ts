import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { CliError } from "../cli-error.ts";
import type { BuildLayer } from "../extensions/build-extension.ts";

/** What agents use when nobody chose another. */
export const defaultBase = "node:22-bookworm-slim";

/** Where an image is made for agents on this very host. */
const localName = "longshore-image";

/** How the image is made and where it goes. */
export type ImageWish = {
  /** What it is made of; must have Node, and `apt-get` if packages are asked for. */
  base: string;
  /** Its name in a registry; a name of this host's own otherwise. */
  name?: string | undefined;
  push: boolean;
  platform?: string | undefined;
  say(line: string): void;
};

const packageName = /^[a-z0-9][a-z0-9+.:=~-]*$/i;

const aptLines = (packages: string[]): string[] => {
  if (packages.length === 0) return [];
  const odd = packages.find((name) => !packageName.test(name));
  if (odd !== undefined) throw new CliError(`"${odd}" is not the name of a Debian package`);
  const names = [...new Set(packages)].join(" ");
  const install = `apt-get update && apt-get install -y --no-install-recommends ${names} && rm -rf /var/lib/apt/lists/*`;
  // A base that has them already needs neither a network nor time.
  return [`RUN dpkg -s ${names} >/dev/null 2>&1 || { ${install}; }`];
};

const envName = /^[A-Za-z_]\w*$/;

/** They hold while the image is built, and stay in its history: nothing secret belongs there. */
const envLines = (layers: readonly BuildLayer[]): string[] =>
  layers.flatMap(({ id, build }) =>
    Object.entries(build?.env ?? {}).map(([name, value]) => {
      if (!envName.test(name)) throw new CliError(`${id}: "${name}" is not the name of a variable`);
      return `ARG ${name}=${JSON.stringify(value ?? "").replaceAll("$", "\\$")}`;
    }),
  );

/** The text that says how the image is built: packages of all layers at once, then each layer's own lines. */
export const dockerfileOf = (base: string, layers: readonly BuildLayer[]): string =>
  [
    `FROM ${base}`,
    "USER root",
    ...envLines(layers),
    ...aptLines(layers.flatMap(({ image }) => image?.pkgs ?? [])),
    ...layers.flatMap(({ image }) => image?.instructions ?? []),
    ...layers.flatMap(({ commands = [] }) => commands.map((command) => `RUN ${command}`)),
    "",
  ].join("\n");

type Ended = { code: number | null; output: string };

const docker = (args: string[], input?: string): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const child = spawn("docker", args, { stdio: ["pipe", "pipe", "pipe"] });
    let output = "";
    const collect = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-20_000);
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    child.stdin.on("error", () => {}); // it may end before it has read all
    child.on("error", (error: NodeJS.ErrnoException) =>
      reject(
        error.code === "ENOENT"
          ? new CliError("--image needs the docker command, which is not on this machine", {
              next: "install Docker here, or deploy without --image",
            })
          : error,
      ),
    );
    child.on("close", (code) => resolve({ code, output }));
    child.stdin.end(input);
  });

const must = async (what: string, args: string[], input?: string): Promise<string> => {
  const { code, output } = await docker(args, input);
  if (code === 0) return output.trim();
  const lines = output.trim().split("\n").slice(-8).join("\n");
  throw new CliError(`${what} failed (docker ${args[0]} ended with ${code})`, { next: lines });
};

/**
 * Builds the image that the layers ask for, unless this engine has it already, and pushes it if wished.
 *
 * Shape: the name under which agents know it; by digest once it was pushed. Errors: CliError with docker's last lines.
 */
export const buildImage = async (layers: readonly BuildLayer[], wish: ImageWish): Promise<string> => {
  const text = dockerfileOf(wish.base, layers);
  const hash = createHash("sha256")
    .update(`${wish.platform ?? ""}\n${text}`)
    .digest("hex")
    .slice(0, 12);
  const image = `${wish.name?.replace(/:[^/]*$/, "") ?? localName}:${hash}`;
  const present = await docker(["image", "inspect", "--format", "{{.Id}}", image]);
  if (present.code !== 0) {
    wish.say(`building ${image} on ${wish.base}`);
    const platform = wish.platform === undefined ? [] : ["--platform", wish.platform];
    await must("building the image", ["build", ...platform, "-t", image, "-"], text);
  } else wish.say(`${image} is there already`);
  if (!wish.push) return image;
  wish.say(`pushing ${image}`);
  await must("pushing the image", ["push", image]);
  const digests = await must("reading the image", [
    "image",
    "inspect",
    "--format",
    "{{range .RepoDigests}}{{.}} {{end}}",
    image,
  ]);
  return digests.split(/\s+/).find((one) => one.startsWith(`${image.replace(/:[^/]*$/, "")}@`)) ?? image;
};

/** Refuses what only an image can give. Errors: CliError naming the extensions. */
export const refuseSystem = (layers: readonly BuildLayer[]): void => {
  if (layers.length === 0) return;
  const names = [...new Set(layers.map(({ id }) => id))].join(", ");
  throw new CliError(`the runs need system packages (${names}), which a bundle cannot bring`, {
    next: "deploy with --image, which builds an image for the agents of this host, or --image <name> --push for others",
    exitCode: 2,
  });
};
