export const startWorkerd = async (_: {
  databaseUrl: string;
  redisUrl: string;
  port: number;
}): Promise<{
  url: string;
  apiKey: string;
  signInUrl(): Promise<string>;
  enrolToken(): Promise<string>;
  close(): Promise<void>;
}> => {
  throw new Error("placeholder until the merge");
};
