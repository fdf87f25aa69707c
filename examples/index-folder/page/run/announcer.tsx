import type { OperationState } from "@milepost/model";
import { useEffect, useRef, useState } from "react";
import { commandNews } from "./command-words.ts";
import { statusWords } from "./status-words.ts";
import { waitingWords } from "./waiting-line.tsx";

/** Returns the text to announce for a run: its status, step and latest command, but never a percentage. */
export function announcement(state: OperationState): string {
  const status = statusWords[state.status];
  const step = state.steps.find(({ id }) => id === state.current_step);
  const news = commandNews(state.commands)?.text;
  switch (state.status) {
    case "running":
      return [step ? `${status.label}: ${step.title}.` : `${status.label}.`, news]
        .filter(Boolean)
        .join(" ");
    case "waiting":
      return state.waiting ? `${waitingWords(state.waiting)}.` : `${status.label}.`;
    case "failed":
      return `Failed: ${state.error?.message ?? state.reason ?? "no reason given"}`;
    case "done":
      return "Done. You can search the index now.";
    default:
      return [`${status.label}.`, status.meaning, news].filter(Boolean).join(" ");
  }
}

/**
 * Polite live region that follows the selected run. Its first state is not announced, and a text is announced
 * once, however often its cause is updated.
 */
export function Announcer({
  state,
  connection,
}: {
  readonly state: OperationState | undefined;
  readonly connection: string;
}) {
  const text = state ? announcement(state) : "";
  const [said, setSaid] = useState("");
  const seen = useRef({ id: state?.id, text, connection });

  useEffect(() => {
    const last = seen.current;
    seen.current = { id: state?.id, text, connection };
    if (connection !== last.connection) setSaid(connection);
    else if (state?.id === last.id && text !== last.text) setSaid(text);
  }, [state?.id, text, connection]);

  return (
    <p className="unseen" role="status" aria-live="polite" data-announcer>
      {said}
    </p>
  );
}
