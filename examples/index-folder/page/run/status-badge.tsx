import "./status-badge.css";
import type { OperationStatus } from "@milepost/model";
import { statusWords } from "./status-words.ts";

const shapes = {
  waiting: <path d="M3 6h1.5M7 6h1.5M11 6h1.5" transform="translate(-1.7 0)" />,
  running: <path className="status__fill" d="M3 1.5l7.5 4.5L3 10.5z" />,
  paused: <path d="M4 2v8M8 2v8" />,
  stalled: <path d="M6 1.5v5.5M6 9.6v.9" />,
  done: <path d="M2 6.5l3 3 5.5-7" />,
  failed: <path d="M2.5 2.5l7 7M9.5 2.5l-7 7" />,
  cancelled: <path d="M2 6h8" />,
  lost: <path d="M2.5 2.5l7 7M9.5 2.5l-7 7" />,
} as const satisfies Record<OperationStatus, React.ReactNode>;

/** Badge that shows a status by shape, colour and word, never by colour alone. */
export function StatusBadge({ status }: { readonly status: OperationStatus }) {
  const { label, tone } = statusWords[status];
  return (
    <span className="status" data-status={status} data-tone={tone}>
      <svg className="status__shape" viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
        {shapes[status]}
      </svg>
      {label}
    </span>
  );
}
