/** What to show of an error: the API's own sentence when there is one. */
export const errorMessage = (error: unknown): string => {
  if (error instanceof Error && error.message !== "") return error.message;
  return typeof error === "string" && error !== "" ? error : "Something went wrong.";
};
