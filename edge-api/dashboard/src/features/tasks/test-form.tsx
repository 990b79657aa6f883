import type { TriggerResponse } from "@longshore/shared/contract/trigger";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { ArrowRight, CircleCheck, Play, WandSparkles } from "lucide-react";
import { type FormEvent, type KeyboardEvent, useState } from "react";
import { recall, remember } from "../../lib/remembered.ts";
import { Button } from "../../ui/button.tsx";
import { Field, Input, Textarea } from "../../ui/input.tsx";
import { ErrorPanel, Panel } from "../../ui/states.tsx";
import { RunLink } from "../runs/run-link.tsx";
import { useEnvironment } from "../shell/use-environment.ts";
import type { TaskItem } from "./describe-task.ts";
import { readPayload, starterPayload } from "./payload-text.ts";
import { checkOptions, noOptions, type TestOptions, triggerTestRun } from "./trigger-test-run.ts";

const fields: readonly { name: keyof TestOptions; label: string; placeholder: string; hint: string }[] = [
  { name: "delay", label: "Delay", placeholder: "10m", hint: "A duration or a date" },
  { name: "tags", label: "Tags", placeholder: "customer:acme, priority", hint: "Separated by commas" },
  {
    name: "idempotencyKey",
    label: "Idempotency key",
    placeholder: "order-1234",
    hint: "The same key answers the same run",
  },
  { name: "priority", label: "Priority", placeholder: "0", hint: "Seconds ahead in the queue" },
];

function OptionFields(props: {
  options: TestOptions;
  faults: Partial<TestOptions>;
  onChange: (options: TestOptions) => void;
}) {
  return (
    <div className="grid gap-x-4 gap-y-3 sm:grid-cols-2">
      {fields.map(({ name, label, placeholder, hint }) => (
        <Field
          key={name}
          label={label}
          htmlFor={`option-${name}`}
          hint={hint}
          error={props.faults[name] ?? null}
        >
          <Input
            id={`option-${name}`}
            value={props.options[name]}
            placeholder={placeholder}
            autoComplete="off"
            aria-invalid={props.faults[name] !== undefined}
            aria-describedby={`option-${name}-note`}
            onChange={(event) => props.onChange({ ...props.options, [name]: event.target.value })}
          />
        </Field>
      ))}
    </div>
  );
}

const Triggered = ({ handle }: { handle: TriggerResponse }) => (
  <div
    role="status"
    className="flex items-center gap-3 rounded-lg border border-good/30 bg-good-wash px-4 py-2.5 text-[13px]"
  >
    <CircleCheck className="size-4 shrink-0 text-good" />
    <div className="min-w-0 flex-1">
      <p className="font-medium">{handle.isCached ? "This key already has a run" : "Run triggered"}</p>
      <p className="truncate font-mono text-soft text-xs">{handle.id}</p>
    </div>
    <RunLink
      run={handle}
      className="inline-flex shrink-0 items-center gap-1 font-medium text-accent text-xs hover:underline"
    >
      Open the run
      <ArrowRight className="size-3.5" />
    </RunLink>
  </div>
);

const useTrigger = (taskId: string) => {
  const { client } = useEnvironment();
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: ({ payload, options }: { payload: unknown; options: TestOptions }) =>
      triggerTestRun(client, taskId, payload, options),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["runs"] }),
  });
};

function PayloadEditor(props: {
  text: string;
  fault: string | null;
  onChange: (text: string) => void;
  onRun: () => void;
}) {
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) {
      event.preventDefault();
      props.onRun();
    }
  };
  return (
    <Field
      label="Payload"
      htmlFor="payload"
      error={props.fault}
      hint="JSON. Leave it empty to run without a payload."
    >
      <Textarea
        id="payload"
        rows={12}
        spellCheck={false}
        className="resize-y font-mono text-xs leading-5"
        value={props.text}
        aria-invalid={props.fault !== null}
        aria-describedby="payload-note"
        onChange={(event) => props.onChange(event.target.value)}
        onKeyDown={onKeyDown}
      />
    </Field>
  );
}

/** Triggers a task by hand. The last payload of each task is remembered in this browser. */
export function TestForm({ task }: { task: TaskItem }) {
  const memory = `payload.${task.id}`;
  const [text, setText] = useState(() => recall(memory) ?? starterPayload(task.payloadSchema));
  const [options, setOptions] = useState(noOptions);
  const { mutate, data, error, isPending } = useTrigger(task.id);
  const reading = readPayload(text);
  const faults = checkOptions(options);
  const valid = reading.ok && Object.keys(faults).length === 0;
  const run = () => {
    if (!valid || isPending) return;
    remember(memory, text);
    mutate({ payload: reading.value, options });
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    run();
  };
  const format = () => {
    if (reading.ok && reading.value !== undefined) setText(JSON.stringify(reading.value, null, 2));
  };
  return (
    <Panel
      title="Test run"
      actions={
        <Button look="ghost" size="sm" className="h-6.5" disabled={!reading.ok} onClick={format}>
          <WandSparkles />
          Format
        </Button>
      }
    >
      <form onSubmit={submit} className="flex flex-col gap-4 p-4">
        <PayloadEditor
          text={text}
          fault={reading.ok ? null : reading.message}
          onChange={setText}
          onRun={run}
        />
        <OptionFields options={options} faults={faults} onChange={setOptions} />
        {error && <ErrorPanel title="The run was not triggered" error={error} />}
        {data && !error && <Triggered handle={data} />}
        <div className="flex items-center gap-3">
          <Button type="submit" look="primary" size="md" disabled={!valid || isPending} focusableWhenDisabled>
            <Play />
            {isPending ? "Triggering…" : "Run test"}
          </Button>
          <span className="text-faint text-xs max-sm:hidden">Ctrl or ⌘ + Enter in the editor</span>
        </div>
      </form>
    </Panel>
  );
}
