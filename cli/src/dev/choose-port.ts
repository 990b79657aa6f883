import { createServer } from "node:net";

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });

/** The port that is wished for while nothing listens on it, else 0: any. Another project may have its `dev` up. */
export const choosePort = async (wished: number): Promise<number> => ((await isFree(wished)) ? wished : 0);
