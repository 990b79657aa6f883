import { task } from "@longshore/sdk";
import { python } from "@longshore/sdk/python";

/** Hands numbers to a Python script and reads what it prints. */
export const statistics = task({
  id: "statistics",
  run: async (payload: { numbers: number[] }) => {
    const result = await python.runScript("scripts/statistics_of.py", payload.numbers.map(String));
    const { stdout: version } = await python.runInline("import sys; print(sys.version_info.major)");
    return { ...(JSON.parse(result.stdout) as { mean: number; deviation: number }), python: Number(version) };
  },
});
