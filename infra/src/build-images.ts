import { buildAgentImages } from "./images/build-agent-image.ts";
import { ensureRunnerBase } from "./images/ensure-runner-base.ts";
import { connectDocker } from "./services/connect-docker.ts";

// `npx tsx infra/src/build-images.ts [base image]`: the images of docker-compose.agent.yml, on the base that is named
// or on one made of this machine's Node, so that no registry is needed.
const main = async (): Promise<void> => {
  const docker = connectDocker(process.env.DOCKER_HOST);
  const base = process.argv[2] ?? (await ensureRunnerBase(docker)).image;
  const made = await buildAgentImages(docker, base);
  for (const image of Object.values(made)) console.log(`${image} (on ${base})`);
};

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
