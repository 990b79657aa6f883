import { Link } from "@tanstack/react-router";
import { Compass } from "lucide-react";
import { buttonClasses } from "../../ui/button.tsx";
import { EmptyState } from "../../ui/states.tsx";

export function NotFoundPage() {
  return (
    <main className="h-full">
      <EmptyState icon={<Compass />} title="There is nothing at this address">
        <p>It may have been moved, or it belongs to an environment that you cannot see.</p>
        <Link to="/" className={buttonClasses({ look: "primary", className: "mt-4" })}>
          Go to your runs
        </Link>
      </EmptyState>
    </main>
  );
}
