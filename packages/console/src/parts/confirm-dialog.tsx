import { type ReactNode, useEffect, useId, useRef, useState } from "react";

/** An action that waits for its confirmation. */
export interface Confirmation {
  readonly title: string;
  readonly text: ReactNode;
  /** Words of the button that does it. */
  readonly action: string;
  /** Does it, and resolves with what to tell; rejects with what went wrong. */
  run(): Promise<string>;
}

/** Dialog that asks before an action and says how it ended. */
export function ConfirmDialog({
  confirmation,
  onClose,
}: {
  readonly confirmation: Confirmation | undefined;
  readonly onClose: (outcome: string | undefined) => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const title = useId();
  useEffect(() => {
    setBusy(false);
    setError(undefined);
    if (confirmation !== undefined) dialog.current?.showModal();
    else dialog.current?.close();
  }, [confirmation]);

  const run = async () => {
    if (confirmation === undefined || isBusy) return;
    setBusy(true);
    try {
      onClose(await confirmation.run());
    } catch (failure) {
      setError(failure instanceof Error ? failure.message : String(failure));
      setBusy(false);
    }
  };

  return (
    <dialog
      ref={dialog}
      className="dialog"
      aria-labelledby={title}
      onCancel={() => onClose(undefined)}
    >
      <h2 id={title}>{confirmation?.title}</h2>
      <div>{confirmation?.text}</div>
      {error !== undefined && (
        <p className="note" data-tone="stop" role="alert">
          {error}
        </p>
      )}
      <div className="dialog__ends">
        <button type="button" className="button" onClick={() => onClose(undefined)}>
          Keep as it is
        </button>
        <button
          type="button"
          className="button button--stop"
          aria-disabled={isBusy}
          onClick={() => void run()}
        >
          {confirmation?.action}
        </button>
      </div>
    </dialog>
  );
}
