import "./run-controls.css";
import { isFinal, type OperationCommandName, type OperationStatus } from "@milepost/model";
import type { CommandControls } from "@milepost/react";
import type { MouseEvent } from "react";
import { commandLabels } from "./command-words.ts";

interface Props {
  readonly status: OperationStatus;
  readonly commands: CommandControls;
  /** False while the connection is interrupted. */
  readonly reachable: boolean;
  onRunAgain(): void;
}

interface SlotProps {
  /**
   * Command that the button shows, out of those that share it: the pending one, else the one that makes sense
   * now.
   */
  readonly shown: OperationCommandName;
  readonly commands: CommandControls;
  readonly able: boolean;
}

function Slot({ shown, commands, able }: SlotProps) {
  const { pending, run } = commands[shown];
  const onClick = (event: MouseEvent) => {
    // The second click of a double click would run the command that the button shows next.
    if (able && event.detail < 2) void run();
  };
  return (
    <button
      type="button"
      className={`button controls__button${shown === "retry" ? " button--go" : ""}`}
      aria-disabled={!able}
      data-pending={pending}
      onClick={onClick}
    >
      {commandLabels[shown][pending ? "pending" : "idle"]}
    </button>
  );
}

/**
 * Buttons that control a run. There are always two, and each stays the same element while its command changes,
 * so that focus is never lost. A button that cannot be used now is marked as disabled and stays focusable.
 */
export function RunControls({ status, commands, reachable, onRunAgain }: Props) {
  const busy = Object.values(commands).some(({ pending }) => pending);
  const first = commands.resume.pending || (status === "paused" && !commands.pause.pending);
  const second = commands.retry.pending || (isFinal(status) && !commands.cancel.pending);
  const slot = (shown: OperationCommandName) => ({
    shown,
    commands,
    able: reachable && !busy && commands[shown].available,
  });
  return (
    <fieldset className="controls">
      <legend className="unseen">Steer this run</legend>
      <Slot {...slot(first ? "resume" : "pause")} />
      {status === "done" ? (
        <button
          type="button"
          className="button controls__button"
          onClick={(event) => event.detail < 2 && onRunAgain()}
        >
          Run again
        </button>
      ) : (
        <Slot {...slot(second ? "retry" : "cancel")} />
      )}
    </fieldset>
  );
}
