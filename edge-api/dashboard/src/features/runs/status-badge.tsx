import {
  Ban,
  Check,
  CirclePause,
  Clock,
  Hourglass,
  LoaderCircle,
  type LucideIcon,
  PackageOpen,
  Skull,
  TimerOff,
  TriangleAlert,
  X,
} from "lucide-react";
import { statusLooks, type WireStatus } from "../../lib/run-status.ts";
import { Badge } from "../../ui/badge.tsx";

const icons: Record<WireStatus, LucideIcon> = {
  PENDING_VERSION: PackageOpen,
  DELAYED: Clock,
  QUEUED: Hourglass,
  DEQUEUED: LoaderCircle,
  EXECUTING: LoaderCircle,
  WAITING: CirclePause,
  COMPLETED: Check,
  FAILED: X,
  CANCELED: Ban,
  CRASHED: Skull,
  SYSTEM_FAILURE: TriangleAlert,
  EXPIRED: TimerOff,
  TIMED_OUT: TimerOff,
  WAITING_FOR_DEPLOY: PackageOpen,
  REATTEMPTING: Clock,
  FROZEN: CirclePause,
  INTERRUPTED: TriangleAlert,
};

/** A run's status: its word, its colour and a shape, so that colour is never alone. */
export function StatusBadge({ status }: { status: WireStatus }) {
  const Icon = icons[status];
  const { label, tone, meaning } = statusLooks[status];
  const turning = status === "EXECUTING" || status === "DEQUEUED";
  return (
    <Badge tone={tone}>
      <Icon aria-hidden="true" className={turning ? "animate-spin [animation-duration:2s]" : ""} />
      <span title={meaning}>{label}</span>
    </Badge>
  );
}
