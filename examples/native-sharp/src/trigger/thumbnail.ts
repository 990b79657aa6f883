import { task } from "@longshore/sdk";
import sharp from "sharp";

/** Scales a picture with a native library, which is deployed beside the code for the platform of the agents. */
export const thumbnail = task({
  id: "thumbnail",
  machine: "small-1x",
  run: async (payload: { width: number; height: number; to: number }) => {
    const { width, height } = payload;
    const original = await sharp({ create: { width, height, channels: 3, background: "teal" } })
      .png()
      .toBuffer();
    const { info } = await sharp(original).resize(payload.to).webp().toBuffer({ resolveWithObject: true });
    return { format: info.format, width: info.width, height: info.height, bytes: info.size };
  },
});
