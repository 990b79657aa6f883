import type { Command } from "commander";
import { CliError } from "../cli-error.ts";
import { exitCodes } from "../exit-codes.ts";
import { print } from "../terminal/output.ts";
import { runAction } from "./run-action.ts";

const shells = ["bash", "zsh", "fish"];

/** Each command by its words, with what may follow: commands, or options. */
const wordsOf = (command: Command, words: string[] = []): [words: string[], next: string[]][] => {
  const visible = command.commands.filter((child) => child.name() !== "help");
  const flags = command.options.flatMap(({ long }) => (long ? [long] : []));
  const own: [string[], string[]] = [words, [...visible.map((child) => child.name()), ...flags, "--help"]];
  return [own, ...visible.flatMap((child) => wordsOf(child, [...words, child.name()]))];
};

const bashScript = (rows: [string[], string[]][]): string => {
  const cases = rows
    .map(
      ([words, next]) => `    ${JSON.stringify(words.join(" "))}) next=${JSON.stringify(next.join(" "))} ;;`,
    )
    .join("\n");
  return `_longshore() {
  local path="" next="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -* ]] || path="\${path:+$path }$word"
  done
  while :; do
    case "$path" in
${cases}
    esac
    [[ -n $next || -z $path ]] && break
    [[ $path == *" "* ]] && path="\${path% *}" || path=""
  done
  COMPREPLY=($(compgen -W "$next" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _longshore longshore
`;
};

const fishScript = (rows: [string[], string[]][]): string =>
  rows
    .map(([words, next]) => {
      const seen =
        words.length === 0
          ? "__fish_use_subcommand"
          : words.map((word) => `__fish_seen_subcommand_from ${word}`).join("; and ");
      const plain = next.filter((word) => !word.startsWith("-")).join(" ");
      const flags = next.filter((word) => word.startsWith("--")).join(" ");
      return `complete -c longshore -n '${seen}' -f -a '${[plain, flags].filter(Boolean).join(" ")}'`;
    })
    .join("\n");

const script = (program: Command, shell: string): string => {
  const rows = wordsOf(program);
  if (shell === "fish") return fishScript(rows);
  const bash = bashScript(rows);
  return shell === "zsh" ? `autoload -U +X bashcompinit && bashcompinit\n${bash}` : bash;
};

/** `longshore completion`. */
export const addCompletionCommand = (program: Command): void => {
  program
    .command("completion")
    .description("print a script that completes commands in your shell")
    .argument("<shell>", shells.join(", "))
    .addHelpText("after", '\nIn bash or zsh:  eval "$(longshore completion bash)"')
    .action((shell: string) =>
      runAction({}, async () => {
        if (shells.includes(shell)) return print(script(program, shell).trimEnd());
        throw new CliError(`there is no completion for ${shell}`, {
          next: `use ${shells.join(", ")}`,
          exitCode: exitCodes.badUsage,
        });
      }),
    );
};
