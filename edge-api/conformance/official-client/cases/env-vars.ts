import { auth, envvars } from "official-trigger-sdk";
import { expect } from "vitest";
import { createPersonal, signIn } from "../../http/wrong-credentials.ts";
import { apiClient, type Scene } from "../scene.ts";

const success = { success: true };

/** Section 4.6, with a key and as a person. */
export const envVarCases = (scene: Scene): void => {
  const { prove, platform, ref } = scene;
  const once = { retry: { maxAttempts: 1 } };

  prove(
    [
      "envvars.create",
      "envvars.retrieve",
      "envvars.update (apiClient)",
      "envvars.list",
      "envvars.upload",
      "envvars.del",
    ],
    "variables are set, read, changed, imported and deleted",
    async () => {
      expect(await envvars.create(ref(), "dev", { name: "PLAIN", value: "a" })).toEqual(success);
      // Outside a task 4.8.3's envvars.update() throws before it sends anything; what it would call works.
      const api = apiClient(scene);
      expect(await api.updateEnvVar(ref(), "dev", "PLAIN", { value: "b" })).toEqual(success);
      expect(await envvars.retrieve(ref(), "dev", "PLAIN")).toMatchObject({ value: "b", isSecret: false });
      const variables = { PLAIN: "c", HIDDEN: "d" };
      expect(await envvars.upload(ref(), "dev", { variables, override: true, isSecret: true })).toEqual(
        success,
      );
      const listed = await envvars.list(ref(), "dev");
      expect(listed.find(({ name }) => name === "HIDDEN")).toMatchObject({ isSecret: true });
      expect(listed.find(({ name }) => name === "HIDDEN")?.value).not.toBe("d");
      for (const name of ["PLAIN", "HIDDEN"]) expect(await envvars.del(ref(), "dev", name)).toEqual(success);
      await expect(api.updateEnvVar(ref(), "dev", "PLAIN", { value: "x" })).rejects.toMatchObject({
        status: 404,
      });
      const own = envvars.create(ref(), "dev", { name: "TRIGGER_SECRET_KEY", value: "x" });
      await expect(own).rejects.toMatchObject({ name: "TriggerApiError" });
    },
  );

  prove(["envvars.create", "envvars.list"], "a person reaches every environment of the project", async () => {
    const { cookie } = await signIn(platform());
    const { token } = await createPersonal(platform(), cookie);
    await auth.withAuth({ baseURL: platform().url, accessToken: token }, async () => {
      await envvars.create(ref(), "stg", { name: "STAGED", value: "s" });
      expect((await envvars.list(ref(), "stg")).map(({ name }) => name)).toContain("STAGED");
    });
    await expect(envvars.list(ref(), "stg", once)).rejects.toMatchObject({ status: 404 });
  });
};
