"use client";
import type { Question } from "@milepost/model";
import { type FormEvent, type ReactNode, useId, useState } from "react";
import type { PeopleTexts } from "./people-texts.ts";
import { SchemaForm, SendButton } from "./schema-form.tsx";

interface FormProps {
  readonly question: Question;
  readonly texts: PeopleTexts;
  readonly busy: boolean;
  /** Id of the prompt, which names the buttons of an approval. */
  readonly promptId: string;
  readonly send: (answer: unknown) => void;
}

/** Controls for the answer to a question, as its kind and schema ask for. */
export function AnswerForm(props: FormProps): ReactNode {
  switch (props.question.kind) {
    case "approve":
      return <Approval {...props} />;
    case "choose":
      return <Choice {...props} />;
    case "input":
      return <Input {...props} />;
  }
}

function Approval({ texts, busy, promptId, send }: FormProps): ReactNode {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset needs a legend, and the prompt is the heading.
    <div className="mp-commands" role="group" aria-labelledby={promptId}>
      {[true, false].map((value) => (
        <button
          key={`${value}`}
          type="button"
          className="mp-button"
          data-answer={`${value}`}
          aria-disabled={busy}
          onClick={() => !busy && send(value)}
        >
          {value ? texts.yes : texts.no}
        </button>
      ))}
    </div>
  );
}

function Choice({ question, texts, busy, send }: FormProps): ReactNode {
  const name = useId();
  const { options = [], default: standard } = question;
  const [chosen, choose] = useState(typeof standard === "string" ? standard : undefined);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (chosen !== undefined && !busy) send(chosen);
  };
  return (
    <form className="mp-form" onSubmit={submit}>
      <fieldset className="mp-options">
        <legend className="mp-hidden">{texts.choose}</legend>
        {options.map(({ id, title = id, description }) => (
          <label key={id} className="mp-option">
            <input
              type="radio"
              name={name}
              required
              checked={chosen === id}
              onChange={() => choose(id)}
            />
            <span>
              {title}
              {description !== undefined && <span className="mp-hint">{description}</span>}
            </span>
          </label>
        ))}
      </fieldset>
      <SendButton busy={busy} label={busy ? texts.answering : texts.answer} />
    </form>
  );
}

function Input({ question, texts, busy, send }: FormProps): ReactNode {
  const { schema, default: standard } = question;
  return (
    <SchemaForm
      schema={schema}
      standard={standard}
      texts={texts}
      busy={busy}
      label={busy ? texts.answering : texts.answer}
      send={send}
    />
  );
}
