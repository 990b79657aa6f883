import type { RunExplanation } from "@longshore/shared/contract/runs";
import { CircleHelp } from "lucide-react";

/** What the API says of the run, while it is neither over nor executing. */
export function WhyPanel({ explanation }: { explanation: RunExplanation | undefined }) {
  if (!explanation || explanation.code === "final" || explanation.code === "executing") return null;
  const details = Object.entries(explanation.details).filter(
    ([, value]) => value !== null && value !== undefined,
  );
  return (
    <section
      aria-label="Why is this waiting"
      className="flex items-start gap-3 rounded-lg border border-pause/25 bg-pause-wash px-4 py-3"
    >
      <CircleHelp className="mt-0.5 size-4 shrink-0 text-pause" />
      <div className="min-w-0">
        <h2 className="font-medium text-pause text-xs">Why is this waiting?</h2>
        <p className="wrap-anywhere mt-0.5">{explanation.sentence}</p>
        {details.length > 0 && (
          <dl className="mt-1.5 flex flex-wrap gap-x-4 gap-y-0.5 text-soft text-xs">
            {details.map(([name, value]) => (
              <div key={name} className="flex gap-1.5">
                <dt>{name}</dt>
                <dd className="wrap-anywhere font-mono text-ink">
                  {typeof value === "string" ? value : JSON.stringify(value)}
                </dd>
              </div>
            ))}
          </dl>
        )}
      </div>
    </section>
  );
}
