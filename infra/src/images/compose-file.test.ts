import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { agentVariables, readConfig } from "@longshore/agent/config";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const file = await readFile(join(root, "docker-compose.agent.yml"), "utf8");

/** The lines below `services: <name>:`. The file keeps to two blanks for each level. */
const serviceText = (name: string): string => {
  const [, text] = new RegExp(`^  ${name}:\n((?:    .*\n|  +#.*\n|\n)+)`, "m").exec(file) ?? [];
  if (text === undefined) throw new Error(`docker-compose.agent.yml has no service ${name}`);
  return text;
};
const environmentOf = (name: string): Record<string, string> =>
  Object.fromEntries(
    [...serviceText(name).matchAll(/^ {6}([A-Z_]+): (.+)$/gm)].map(([, variable = "", value = ""]) => [
      variable,
      value,
    ]),
  );

/** What the file decides itself, and why nobody else should. */
const decided: Record<string, string> = {
  DOCKER_HOST: "the agent has no other way to the engine than the gate",
  LONGSHORE_RUNTIME: "without Docker there would be nothing between runs and the agent",
  LONGSHORE_EGRESS_MARK: "a path in the volume of its helper",
};
const without: Record<string, string> = {
  LONGSHORE_AGENT_HOST_DATA:
    "the data folder has one path inside and outside, and the gate refuses any other",
};

test("every variable that an agent reads can be given to the one of the compose file", () => {
  const passed = environmentOf("agent");
  expect(Object.keys(passed).sort()).toEqual(agentVariables.filter((name) => !(name in without)).sort());
  for (const [name, value] of Object.entries(passed)) {
    if (name in decided) expect(value).not.toContain("$");
    else expect(value).toMatch(new RegExp(`^\\$\\{${name}(:[-?].*)?\\}$`));
  }
});

test("a variable that is left out is what it is without the compose file", () => {
  const left = Object.entries(environmentOf("agent")).filter(([, value]) => value.endsWith(":-}"));
  expect(left.length).toBeGreaterThan(20);
  const url = { LONGSHORE_URL: "https://longshore.example.com" };
  expect(readConfig({ ...url, ...Object.fromEntries(left.map(([name]) => [name, ""])) })).toEqual(
    readConfig(url),
  );
});

test.each(["docker-gate", "egress"])("%s is told nothing that it does not read", async (name) => {
  const folder = join(root, "infra/images", name);
  const sources = (await readdir(folder)).filter((one) => one.endsWith(".ts"));
  const own = await Promise.all(sources.map((one) => readFile(join(folder, one), "utf8")));
  // The helper reads what it lets through with the gate's own reader.
  const text = [...own, await readFile(join(root, "infra/images/docker-gate/policy.ts"), "utf8")].join();
  const unread = Object.keys(environmentOf(name)).filter((one) => !text.includes(`env.${one}`));
  expect(unread).toEqual([]);
});

test("the log of each service is bounded", () => {
  expect(file).toMatch(
    /&bounded-log\n {2}driver: json-file\n {2}options: \{ max-size: "\d+m", max-file: "\d" \}/,
  );
  for (const name of ["docker-gate", "egress", "agent"])
    expect(serviceText(name)).toContain("    logging: *bounded-log\n");
});
