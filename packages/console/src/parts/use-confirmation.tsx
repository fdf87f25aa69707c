import { type ReactNode, useState } from "react";
import { type Confirmation, ConfirmDialog } from "./confirm-dialog.tsx";

/** Returns a function that asks before an action, and the dialog and the outcome to show on the page. */
export function useConfirmation(onDone?: () => void): {
  readonly ask: (confirmation: Confirmation) => void;
  readonly dialog: ReactNode;
} {
  const [confirmation, setConfirmation] = useState<Confirmation>();
  const [outcome, setOutcome] = useState<string>();
  return {
    ask(next) {
      setOutcome(undefined);
      setConfirmation(next);
    },
    dialog: (
      <>
        <p className={outcome === undefined ? "unseen" : "note"} data-tone="go" role="status">
          {outcome}
        </p>
        <ConfirmDialog
          confirmation={confirmation}
          onClose={(done) => {
            setConfirmation(undefined);
            setOutcome(done);
            if (done !== undefined) onDone?.();
          }}
        />
      </>
    ),
  };
}
