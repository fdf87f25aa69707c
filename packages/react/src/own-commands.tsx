"use client";
import type { OperationHandle } from "@milepost/client";
import type { CommandDefinition, OperationState } from "@milepost/model";
import { isRecord } from "@milepost/protocol";
import { type ReactNode, useId, useRef, useState } from "react";
import type { PanelTexts } from "./panel-texts.ts";
import type { PeopleTexts } from "./people-texts.ts";
import { SchemaForm } from "./schema-form.tsx";
import { useCommand } from "./use-command.ts";

interface Props {
  readonly handle: OperationHandle;
  readonly texts: PanelTexts;
  readonly people: PeopleTexts;
}

/** Buttons for the commands of an operation's own that are possible now. One with arguments opens a form for them. */
export function OwnCommands({
  state,
  ...rest
}: Props & { readonly state: OperationState }): ReactNode {
  const { commands = [] } = state.accepts ?? {};
  if (commands.length === 0) return null;
  return (
    <div className="mp-own-commands">
      {commands.map((definition) => (
        <OwnCommand key={definition.name} definition={definition} {...rest} />
      ))}
    </div>
  );
}

function OwnCommand({
  definition: { name, title = name, schema },
  handle,
  texts,
  people,
}: Props & { readonly definition: CommandDefinition }): ReactNode {
  const { available, pending, error, run } = useCommand(handle, name);
  const [isOpen, open] = useState(false);
  // The form stays in the page, hidden, until its command is done: a refusal leaves what was typed.
  const [isFilled, fill] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const form = useId();
  const hasArguments = takesArguments(schema);
  if (!available && !pending && error === undefined) return null;
  const send = async (args: unknown) => {
    button.current?.focus();
    open(false);
    const done = await run({ args });
    fill(done === undefined);
    open(done === undefined);
  };
  return (
    <div className="mp-own-command">
      {(available || pending) && (
        <button
          ref={button}
          type="button"
          className="mp-button"
          data-command={name}
          aria-disabled={pending}
          {...(hasArguments && { "aria-expanded": isOpen, "aria-controls": form })}
          onClick={() => {
            if (pending) return;
            if (!hasArguments) void run();
            else {
              fill(true);
              open(!isOpen);
            }
          }}
        >
          {pending ? texts.commandPending(title) : title}
        </button>
      )}
      {hasArguments && isFilled && (
        <div id={form} hidden={!isOpen || !available}>
          <SchemaForm
            schema={schema}
            standard={undefined}
            busy={pending}
            texts={people}
            label={texts.commandSend}
            send={(args) => void send(args)}
          />
        </div>
      )}
      {error !== undefined && (
        <p className="mp-refusal" role="alert">
          {texts.commandFailed(title, error)}
        </p>
      )}
    </div>
  );
}

/** False where a command takes nothing: without a schema, and with one of an object without properties. */
function takesArguments(schema: unknown): boolean {
  if (!isRecord(schema)) return false;
  const { type, properties } = schema;
  const isEmpty = !isRecord(properties) || Object.keys(properties).length === 0;
  return !(type === "object" && isEmpty);
}
