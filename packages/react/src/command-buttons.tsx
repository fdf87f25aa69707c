"use client";
import type { OperationCommandName, OperationState } from "@milepost/model";
import { type ReactNode, useEffect, useRef } from "react";
import type { PanelTexts } from "./panel-texts.ts";
import type { CommandControls } from "./use-commands.ts";

const names: readonly OperationCommandName[] = ["pause", "resume", "retry", "cancel"];

/**
 * Buttons for the commands that are possible now, with their outcomes.
 *
 * A button whose command is pending stays in place and keeps the focus. When a focused button disappears
 * because its command is no longer possible, the focus stays in the group.
 */
export function CommandButtons({
  state,
  commands,
  texts,
}: {
  readonly state: OperationState;
  readonly commands: CommandControls;
  readonly texts: PanelTexts;
}): ReactNode {
  const group = useRef<HTMLDivElement>(null);
  const focused = useRef<OperationCommandName | undefined>(undefined);
  const hopeless = state.status === "failed" && state.error?.retryable === false;
  const shown = names.filter((name) => {
    const { available, pending } = commands[name];
    return pending || (available && !(name === "retry" && hopeless));
  });
  const failures = names.filter((name) => commands[name].error !== undefined);
  useEffect(() => {
    if (focused.current === undefined || shown.includes(focused.current)) return;
    focused.current = undefined;
    if (document.activeElement === document.body) group.current?.focus();
  });
  return (
    <div ref={group} className="mp-commands" tabIndex={-1}>
      {shown.map((name) => {
        const { pending, phase, run } = commands[name];
        return (
          <button
            key={name}
            type="button"
            className="mp-button"
            data-command={name}
            data-phase={phase}
            aria-disabled={pending}
            onFocus={() => {
              focused.current = name;
            }}
            onBlur={() => {
              focused.current = undefined;
            }}
            onClick={() => {
              if (!pending) void run();
            }}
          >
            {pending ? texts.command[name].pending : texts.command[name].label}
          </button>
        );
      })}
      {failures.map((name) => (
        <p key={name} className="mp-refusal" role="alert">
          {texts.commandFailed(texts.command[name].label, commands[name].error ?? "")}
        </p>
      ))}
    </div>
  );
}
