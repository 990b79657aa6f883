# The agent as a container, for docker-compose.agent.yml. Bundled first: npx tsx infra/src/build-images.ts
# With a registry:  docker build -f infra/images/agent.Dockerfile -t longshore-agent:local .
ARG BASE=node:22-bookworm-slim
FROM ${BASE}
COPY infra/dist/images/agent/ /app/
ENV LONGSHORE_AGENT_DATA=/var/lib/longshore
# Only to make the data folder its own; the agent itself runs as 10001 (images/agent/entry.ts).
USER 0:0
WORKDIR /app
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["node", "/app/bin/health.mjs"]
ENTRYPOINT ["node", "/app/bin/entry.mjs"]
