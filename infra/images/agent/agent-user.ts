/** The user and group of the agent's process: nobody else on the host. */
export const agentUser = 10_001;

/** Lets go of root, and with it of every capability; nothing to do for a container that was started as another user. */
export const becomeAgentUser = (): void => {
  if (process.getuid?.() !== 0) return;
  process.setgroups?.([]);
  process.setgid?.(agentUser);
  process.setuid?.(agentUser);
};
