import { locals, logger, metadata, schemaTask, tags, tasks, wait } from "@trigger.dev/sdk";

const mailer = locals.create<{ sent: string[] }>("mailer");

tasks.middleware("mailer", async ({ next }) => {
  locals.set(mailer, { sent: [] });
  await next();
});

type Signup = { email: string; plan: "free" | "paid" };

const readSignup = (value: unknown): Signup => {
  const { email, plan } = value as Partial<Signup>;
  if (typeof email !== "string" || !email.includes("@")) throw new Error("email must be an address");
  return { email, plan: plan ?? "free" };
};

/** Checks its payload, says how far it is, and confirms an address by a token. */
export const signup = schemaTask({
  id: "signup",
  schema: readSignup,
  retry: { maxAttempts: 2 },
  run: async (payload, { ctx }) => {
    await tags.add(`plan:${payload.plan}`);
    metadata.set("step", "confirming").increment("mails", 1);
    locals.getOrThrow(mailer).sent.push(payload.email);
    const token = await wait.createToken({ timeout: "1h", tags: [payload.email] });
    await wait.completeToken(token, { confirmed: true });
    const { confirmed } = await wait.forToken<{ confirmed: boolean }>(token).unwrap();
    metadata.set("step", "done");
    return { confirmed, mails: locals.getOrThrow(mailer).sent.length, attempt: ctx.attempt.number };
  },
  onSuccess: async ({ payload, output }) => {
    logger.info("Signed up", { email: payload.email, ...output });
  },
  catchError: async ({ error }) => {
    logger.warn("Signing up failed", { error: String(error) });
  },
});
