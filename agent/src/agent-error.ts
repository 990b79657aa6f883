/** The agent cannot start or go on, for a reason that only a person can change. */
export class AgentError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "AgentError";
  }
}
