import { describe, expect, test } from "vitest";
import { hasRealParts } from "./stage/real-api.ts";
import { soak } from "./stage/soak.ts";

describe.skipIf(!hasRealParts)("forty runs through containers", () => {
  test("end as they should, and leave no container, network, volume, file or fact", {
    timeout: 300_000,
  }, async () => {
    const figure = await soak(40);
    expect(figure).toMatchObject({
      wrong: 0,
      containersLeft: 0,
      networksLeft: 0,
      volumesLeft: 0,
      filesLeft: 0,
      factsLeft: 0,
    });
    expect(figure.rssEndMb).toBeLessThan(figure.rssEarlyMb * 1.25 + 16);
  });
});
