import type { AgentItem, TaskList } from "@longshore/shared/contract/dashboard";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const iso = (ms: number) => new Date(ms).toISOString();

export const currentVersion = "20261123.4";
export const previousVersion = "20261122.1";

type FakeTask = Omit<TaskList["data"][number], "version" | "queued" | "running">;

export const fakeTasks: readonly FakeTask[] = [
  {
    id: "send-welcome-email",
    filePath: "src/tasks/emails.ts",
    exportName: "sendWelcomeEmail",
    description: "Sends the first mail after sign-up",
    retry: { maxAttempts: 5, factor: 2, minTimeoutInMs: 1_000, maxTimeoutInMs: 30_000 },
    queue: { name: "emails", concurrencyLimit: 20 },
    machine: "micro",
    payloadSchema: {
      type: "object",
      properties: { userId: { type: "string" }, locale: { type: "string" } },
      required: ["userId"],
    },
  },
  {
    id: "generate-invoice",
    filePath: "src/tasks/billing.ts",
    exportName: "generateInvoice",
    description: "Renders one invoice and stores its PDF",
    retry: { maxAttempts: 3 },
    machine: "small-2x",
    maxDuration: 300,
  },
  {
    id: "transcode-video",
    filePath: "src/tasks/media.ts",
    exportName: "transcodeVideo",
    retry: { maxAttempts: 2 },
    queue: { name: "media", concurrencyLimit: 4 },
    machine: "large-1x",
    maxDuration: 3_600,
  },
  {
    id: "sync-crm-contacts",
    filePath: "src/tasks/crm/sync.ts",
    exportName: "syncCrmContacts",
    retry: { maxAttempts: 10, factor: 1.8 },
    queue: { name: "crm", concurrencyLimit: 1 },
  },
  {
    id: "onboard-customer",
    filePath: "src/tasks/onboarding.ts",
    exportName: "onboardCustomer",
    description: "Walks a new customer through a week of steps",
    machine: "small-1x",
  },
  {
    id: "nightly-export",
    filePath: "src/tasks/reports/nightly-export.ts",
    exportName: "nightlyExport",
    queue: { name: "reports", concurrencyLimit: 2 },
    machine: "medium-1x",
    ttl: "2h",
  },
  {
    id: "long-report",
    filePath: "src/tasks/reports/long-report.ts",
    exportName: "longReport",
    description: "Runs until somebody cancels it",
    machine: "medium-2x",
  },
];

export const fakeAgents = (nowMs: number): AgentItem[] => [
  {
    id: "agent_01kfra1",
    name: "fra-build-1",
    version: "0.1.0",
    runtime: "docker",
    status: "online",
    slots: 12,
    leased: 1,
    executing: 5,
    waiting: 3,
    warm: 4,
    isDrained: false,
    drainsItself: false,
    heldBack: null,
    lastError: { at: iso(nowMs - 26 * 60_000), message: "the poll failed: the API answered 503" },
    lastSeenAt: iso(nowMs),
    silence: { runsForMs: 300_000, lostAfterMs: 310_000 },
    enrolledAt: iso(nowMs - 40 * 24 * hourMs),
    labels: { region: "eu-central", disk: "nvme" },
  },
  {
    id: "agent_01kfra2",
    name: "fra-build-2",
    version: "0.1.0",
    runtime: "docker",
    status: "draining",
    slots: 12,
    leased: 0,
    executing: 2,
    waiting: 0,
    warm: 0,
    isDrained: true,
    drainsItself: false,
    heldBack: null,
    lastError: null,
    lastSeenAt: iso(nowMs - 3_000),
    silence: { runsForMs: 25_000, lostAfterMs: 35_000 },
    enrolledAt: iso(nowMs - 39 * 24 * hourMs),
    labels: { region: "eu-central" },
  },
  {
    id: "agent_01kmac1",
    name: "office-mac-mini",
    version: "0.1.0",
    runtime: "process",
    status: "offline",
    slots: 4,
    leased: 0,
    executing: 0,
    waiting: 1,
    warm: 0,
    isDrained: false,
    drainsItself: false,
    heldBack: null,
    lastError: null,
    lastSeenAt: iso(nowMs - 3.2 * hourMs),
    silence: { runsForMs: 25_000, lostAfterMs: 35_000 },
    enrolledAt: iso(nowMs - 6 * 24 * hourMs),
    labels: {},
  },
  {
    id: "agent_01kold1",
    name: "ci-runner-old",
    version: "0.0.9",
    runtime: "docker",
    status: "revoked",
    slots: 8,
    leased: 0,
    executing: 0,
    waiting: 0,
    warm: 0,
    isDrained: false,
    drainsItself: false,
    heldBack: null,
    lastError: null,
    lastSeenAt: iso(nowMs - 12 * 24 * hourMs),
    silence: { runsForMs: 25_000, lostAfterMs: 35_000 },
    enrolledAt: iso(nowMs - 90 * 24 * hourMs),
    labels: { region: "us-east" },
  },
];

const environment = (id: string, slug: string, type: "development" | "staging" | "production") => ({
  id,
  slug,
  type,
  projectId: "proj_01harbor",
  projectName: "Harbor",
  projectRef: "proj_harbor",
  organizationName: "Northwind",
});

export const fakeSession = {
  user: { id: "user_01ada", email: "owner@example.test", name: "Owner" },
  environments: [
    environment("env_01prod", "prod", "production"),
    environment("env_01stg", "stg", "staging"),
    environment("env_01dev", "dev", "development"),
  ],
};
