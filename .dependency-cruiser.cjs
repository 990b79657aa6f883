// The arrows of the house: each room names what it may import; anything else is an error.
// infra/src/arrows.test.ts proves that the rules fire.
const room = (name, from, allowed, extra = {}) => ({
  name,
  severity: "error",
  comment: `${from} may import only: itself, ${allowed.join(", ") || "nothing else"}`,
  from: { path: from, pathNot: extra.except },
  to: {
    path: "^(shared|edge-api|agent|sdk|cli|infra|examples)/",
    pathNot: [from, ...allowed].map((p) => (p.startsWith("^") ? p : `^${p}`)),
  },
});
const onlyFrom = (name, module, allowed) => ({
  name,
  severity: "error",
  comment: `only ${allowed.join(", ")} may import ${module}`,
  from: { path: "^(shared|edge-api|agent|sdk|cli)/", pathNot: allowed },
  to: { path: module, dependencyTypesNot: ["type-only"] },
});
const tests = "\\.(test|fixture)\\.tsx?$";

module.exports = {
  forbidden: [
    {
      name: "no-circular",
      severity: "error",
      from: {},
      to: { circular: true, dependencyTypesNot: ["type-only"] },
    },
    room("contract", "^shared/src/contract/", []),
    room("core", "^shared/src/core/", ["shared/src/contract/"]),
    room("domain", "^edge-api/src/domain/", ["shared/"]),
    room("db", "^edge-api/src/db/", ["edge-api/src/domain/", "shared/"], { except: tests }),
    room("hints", "^edge-api/src/hints/", ["shared/"], { except: tests }),
    room("services", "^edge-api/src/services/", ["edge-api/src/(domain|db|hints)/", "shared/"], {
      except: tests,
    }),
    room("routes", "^edge-api/src/routes/", ["edge-api/src/services/", "shared/"], { except: tests }),
    room("platform", "^edge-api/src/platform/", ["edge-api/src/", "shared/"]),
    room("dashboard", "^edge-api/dashboard/src/", ["sdk/", "shared/"]),
    room("sdk", "^sdk/", ["shared/"]),
    room("agent-core", "^agent/src/core/", ["shared/"]),
    room("agent-ports", "^agent/src/ports/", ["shared/", "agent/src/core/"]),
    room("agent-loops", "^agent/src/loops/", ["agent/src/(core|ports)/", "shared/"], { except: tests }),
    room("agent-adapters", "^agent/src/adapters/", ["agent/src/(core|ports)/", "shared/"], { except: tests }),
    room("agent-runner", "^agent/src/runner/", ["shared/", "sdk/"], { except: tests }),
    room("cli", "^cli/", ["(shared|edge-api|agent|sdk)/"]),
    onlyFrom("dockerode-in-its-adapter", "node_modules/dockerode", ["^agent/src/adapters/docker", "^infra/"]),
    {
      name: "official-client-in-its-proof",
      severity: "error",
      comment:
        "the official client is a dev dependency of edge-api/conformance/official-client and of nothing else",
      from: {
        path: "^(shared|edge-api|agent|sdk|cli|infra)/",
        pathNot: "^edge-api/conformance/official-client/",
      },
      to: { path: "official-trigger-sdk|@trigger\\.dev/(core|sdk)" },
    },
    {
      name: "node-in-platform",
      severity: "error",
      comment:
        "the API's code runs on workerd and Node: only platform/ and the drivers it picks may import node: modules; sdk/src/python.ts is an entry of its own, for places that have processes",
      from: {
        path: "^(edge-api/src/(domain|db|services|routes|hints)|shared/src|sdk/src)/",
        pathNot: [tests, "^sdk/src/python\\.ts$"].flat(),
      },
      to: { dependencyTypes: ["core"] },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(^|/)dist/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default"] },
  },
};
