import { logger, metadata, task, wait } from "@longshore/sdk";

/** What whoever decides answers. */
type Decision = { approved: boolean; by: string };

/** Waits for a person: it costs nothing while it waits, and the answer may come days later. */
export const expense = task({
  id: "expense",
  run: async (payload: { amount: number; timeout?: string }) => {
    const token = await wait.createToken({ timeout: payload.timeout ?? "7d", tags: ["expense"] });
    // Whoever has this address may decide by a POST, without any other credential: mail it, or show it.
    metadata.set("token", { id: token.id, url: token.url });
    logger.info("Waiting for a decision", { token: token.id });
    const decision = await wait.forToken<Decision>(token);
    if (!decision.ok) return { state: "nobody decided" };
    const { approved, by } = decision.output;
    return { state: approved ? "paid" : "refused", amount: payload.amount, by };
  },
});

/** Decides from code. A dashboard, a Slack bot, or a `fetch` to the token's address does the same. */
export const decide = task({
  id: "decide",
  run: async (payload: { token: string; decision: Decision }) => {
    await wait.completeToken(payload.token, payload.decision);
    return { decided: payload.token };
  },
});
