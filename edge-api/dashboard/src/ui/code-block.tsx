import { CopyButton } from "./copy-button.tsx";

/** Commands to copy. */
export function CodeBlock({ text, label }: { text: string; label: string }) {
  return (
    <div className="relative mt-3 rounded-lg border bg-sunken text-left">
      <pre className="scroll-thin overflow-x-auto py-3 pr-10 pl-4 font-mono text-ink text-xs leading-5">
        {text}
      </pre>
      <CopyButton text={text} label={label} className="absolute top-2 right-2" />
    </div>
  );
}
