import type { LogLine } from "@longshore/shared/contract/runs";
import { style } from "./style.ts";

const colourOf = (level: string): "red" | "yellow" | "dim" => {
  if (level === "error") return "red";
  return level === "warn" ? "yellow" : "dim";
};

/** What a line says, without its time: level, message and attributes. */
export const formatLogText = ({ level, message, attributes }: LogLine): string => {
  const hasMore = attributes !== undefined && Object.keys(attributes).length > 0;
  const more = hasMore ? ` ${style("dim", JSON.stringify(attributes))}` : "";
  return `${style(colourOf(level), level.padEnd(5))} ${message.trimEnd()}${more}`;
};

/** A line of a run's log, as it is shown by itself. */
export const formatLogLine = (line: LogLine): string => `${style("dim", line.at)} ${formatLogText(line)}`;
