/** Version of this agent, as the API and its operators see it. */
export const agentVersion = "0.1.0";
