import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const file = fileURLToPath(new URL("./watchdog.mjs", import.meta.url));

/** A process that ends what `dev` started when `dev` is killed. */
export type Watchdog = {
  /** Also this process is to end with dev. */
  guard(child: ChildProcess): void;
  /** Everything was ended in order. */
  done(): void;
};

/** Starts it for the runs whose records are in `runsDir`. */
export const startWatchdog = (runsDir: string): Watchdog => {
  const dog = spawn(process.execPath, [file, runsDir], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  const say = (line: string) => {
    if (dog.stdin.writable) dog.stdin.write(`${line}\n`);
  };
  // Without it dev works on; its children are then on their own when it is killed.
  dog.on("error", () => undefined);
  dog.stdin.on("error", () => undefined);
  dog.unref();
  return {
    guard: (child) => {
      if (child.pid === undefined) return;
      say(`began ${child.pid}`);
      child.once("exit", () => say(`ended ${child.pid}`));
    },
    done: () => {
      say("done");
      dog.stdin.end();
    },
  };
};
