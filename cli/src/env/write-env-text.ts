/** What dotenv readers take as it is. */
const plain = /^[\w./:@%+,=-]*$/;

const quote = (value: string): string => {
  if (plain.test(value)) return value;
  // Single and back quotes keep everything; double ones read \n.
  if (!value.includes("'")) return `'${value}'`;
  if (!value.includes("`")) return `\`${value}\``;
  if (!/["\\]/.test(value)) return `"${value.replaceAll("\n", "\\n")}"`;
  throw new Error("it holds every kind of quote, which dotenv files cannot say");
};

/** Variables in dotenv form, sorted. Errors: names the variable that cannot be written so. */
export const writeEnvText = (variables: Readonly<Record<string, string>>): string =>
  Object.entries(variables)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => {
      try {
        return `${name}=${quote(value)}\n`;
      } catch (cause) {
        throw new Error(`${name}: ${cause instanceof Error ? cause.message : cause}`, { cause });
      }
    })
    .join("");
