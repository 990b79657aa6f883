import type { BuildExtension } from "./build-extension.ts";

/** ffmpeg as Debian has it, and where it is in `FFMPEG_PATH` and `FFPROBE_PATH`. Deploy with `--image`. */
export const ffmpeg = (options: { version?: string } = {}): BuildExtension => ({
  name: "ffmpeg",
  onBuildStart(context) {
    if (context.target !== "deploy") return;
    if (options.version !== undefined) {
      context.logger.warn(`ffmpeg: version ${options.version} is not chosen; the image gets Debian's`);
    }
    context.addLayer({
      id: "ffmpeg",
      image: { pkgs: ["ffmpeg"] },
      deploy: { env: { FFMPEG_PATH: "/usr/bin/ffmpeg", FFPROBE_PATH: "/usr/bin/ffprobe" }, override: true },
    });
  },
});
