import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { cn } from "../lib/cn.ts";
import { Button } from "./button.tsx";

const shownMs = 1_500;

/** Copies `text`; its icon says for a moment that it did. */
export function CopyButton({ text, label, className }: { text: string; label: string; className?: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), shownMs);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <Button
      look="ghost"
      size="icon-sm"
      aria-label={copied ? "Copied" : label}
      className={cn("text-faint", className)}
      onClick={(event) => {
        event.stopPropagation();
        navigator.clipboard.writeText(text).then(
          () => setCopied(true),
          () => setCopied(false),
        );
      }}
    >
      {copied ? <Check className="text-good" /> : <Copy />}
    </Button>
  );
}
