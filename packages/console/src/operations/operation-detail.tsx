import { StatusPanel } from "@milepost/react";
import { type MouseEvent, useRef } from "react";
import { useConfirmation } from "../parts/use-confirmation.tsx";
import { OperationFacts } from "./operation-facts.tsx";

/** The panel that users see, for one operation. Its commands ask first, because they are somebody else's work. */
export function OperationDetail({
  id,
  onClose,
}: {
  readonly id: string;
  readonly onClose: () => void;
}) {
  const { ask, dialog } = useConfirmation();
  /** True while the press of a confirmed button passes. */
  const isConfirmed = useRef(false);

  const onPress = (event: MouseEvent) => {
    const target = event.target instanceof Element ? event.target : undefined;
    const button = target?.closest<HTMLButtonElement>("button[data-command]");
    const command = button?.dataset.command;
    if (!button || command === undefined || isConfirmed.current) return;
    event.preventDefault();
    event.stopPropagation();
    ask({
      title: `Send the command ${command}?`,
      text: (
        <p>
          The producer of the operation <code>{id}</code> receives it at once, as if its user had
          sent it. The log of the operation and the audit log name your key.
        </p>
      ),
      action: `Send ${command}`,
      async run() {
        // The operation may have ended while the dialog asked.
        if (!button.isConnected) {
          throw new Error(`The operation takes no ${command} any more.`);
        }
        isConfirmed.current = true;
        try {
          button.click();
        } finally {
          isConfirmed.current = false;
        }
        return `The command ${command} was sent; the panel shows how it ends.`;
      },
    });
  };

  return (
    <section className="detail" aria-label={`Operation ${id}`}>
      <div className="actions">
        <code>{id}</code>
        <button type="button" className="button button--small" onClick={onClose}>
          Close the panel
        </button>
      </div>
      {dialog}
      <div onClickCapture={onPress}>
        <StatusPanel operationId={id} notifications={false} connection={true} />
      </div>
      <OperationFacts id={id} />
    </section>
  );
}
