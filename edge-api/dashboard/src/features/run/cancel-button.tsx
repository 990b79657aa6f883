import type { Run } from "@longshore/sdk";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Ban } from "lucide-react";
import { useState } from "react";
import { errorMessage } from "../../lib/error-message.ts";
import { cancelRefusal } from "../../lib/run-status.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog, DialogClose } from "../../ui/dialog.tsx";
import { useToasts } from "../../ui/toast.tsx";
import { Tooltip } from "../../ui/tooltip.tsx";
import { useEnvironment } from "../shell/use-environment.ts";

const useCancel = (run: Run, onDone: () => void) => {
  const { client } = useEnvironment();
  const queryClient = useQueryClient();
  const toasts = useToasts();
  return useMutation({
    mutationFn: () => client.runs.cancel(run.id),
    onSuccess: () => queryClient.invalidateQueries(),
    onError: (error) =>
      toasts.add({ title: "The run was not cancelled", description: errorMessage(error), type: "error" }),
    onSettled: onDone,
  });
};

/** Cancels the run after a question; when it cannot be, the tooltip says why. */
export function CancelButton({ run, canceling }: { run: Run; canceling: boolean }) {
  const [asking, setAsking] = useState(false);
  const { mutate, isPending } = useCancel(run, () => setAsking(false));
  const refusal =
    cancelRefusal(run.status) ?? (canceling ? "It is being canceled: its agent was told." : null);
  return (
    <>
      <Tooltip text={refusal} side="bottom">
        <Button
          look="danger"
          disabled={refusal !== null}
          focusableWhenDisabled
          onClick={() => setAsking(true)}
        >
          <Ban />
          Cancel run
        </Button>
      </Tooltip>
      <Dialog
        open={asking && refusal === null}
        onOpenChange={setAsking}
        title="Cancel this run?"
        description="Its process is stopped, and it will not be tried again. Runs that it triggered go on."
        footer={
          <>
            <DialogClose render={<Button size="md">Keep it</Button>} />
            <Button size="md" look="danger-solid" disabled={isPending} onClick={() => mutate()}>
              Cancel the run
            </Button>
          </>
        }
      />
    </>
  );
}
