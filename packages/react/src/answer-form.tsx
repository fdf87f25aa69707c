"use client";
import type { Question } from "@milepost/model";
import { type FormEvent, type ReactNode, useId, useMemo, useState } from "react";
import { type AnswerField, answerFields, readAnswer } from "./answer-fields.ts";
import type { PeopleTexts } from "./people-texts.ts";

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
      <SendButton busy={busy} texts={texts} />
    </form>
  );
}

function Input({ question, texts, busy, send }: FormProps): ReactNode {
  const base = useId();
  const fields = useMemo(() => answerFields(question), [question]);
  const [entered, enter] = useState<readonly string[]>(() => fields.map(({ initial }) => initial));
  const [wrong, setWrong] = useState<number>();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const read = readAnswer(fields, entered);
    setWrong(read.ok ? undefined : read.field);
    if (read.ok && !busy) send(read.answer);
    else if (!read.ok) document.getElementById(`${base}-${read.field}`)?.focus();
  };
  return (
    <form className="mp-form" onSubmit={submit}>
      {fields.map((field, at) => (
        <Field
          key={field.name ?? ""}
          id={`${base}-${at}`}
          field={field}
          text={entered[at] ?? ""}
          isWrong={wrong === at}
          texts={texts}
          onText={(text) => enter(entered.map((one, place) => (place === at ? text : one)))}
        />
      ))}
      <SendButton busy={busy} texts={texts} />
    </form>
  );
}

interface FieldProps {
  readonly id: string;
  readonly field: AnswerField;
  readonly text: string;
  readonly isWrong: boolean;
  readonly texts: PeopleTexts;
  readonly onText: (text: string) => void;
}

function Field({ id, field, text, isWrong, texts, onText }: FieldProps): ReactNode {
  const { label = texts.yourAnswer, description, required } = field;
  const described = [
    ...(description === undefined ? [] : [`${id}-hint`]),
    ...(isWrong ? [`${id}-error`] : []),
  ].join(" ");
  const shared = {
    id,
    required,
    ...(described !== "" && { "aria-describedby": described }),
    ...(isWrong && { "aria-invalid": true }),
  };
  return (
    <div className="mp-field" data-control={field.control}>
      <label htmlFor={id}>
        {label}
        {!required && field.control !== "yes-no" && (
          <span className="mp-optional"> {texts.optional}</span>
        )}
      </label>
      <Control field={field} shared={shared} text={text} texts={texts} onText={onText} />
      {description !== undefined && (
        <span id={`${id}-hint`} className="mp-hint">
          {description}
        </span>
      )}
      {isWrong && (
        <span id={`${id}-error`} className="mp-error" role="alert">
          {texts.checkField}
        </span>
      )}
    </div>
  );
}

function Control({
  field,
  shared,
  text,
  texts,
  onText,
}: Omit<FieldProps, "id" | "isWrong"> & {
  readonly shared: { readonly id: string; readonly required: boolean };
}): ReactNode {
  const { control, attributes, choices } = field;
  const change = (event: { readonly target: { readonly value: string } }) =>
    onText(event.target.value);
  switch (control) {
    case "yes-no":
      return (
        <input
          {...shared}
          required={false}
          type="checkbox"
          checked={text === "true"}
          onChange={(event) => onText(`${event.target.checked}`)}
        />
      );
    case "choice":
      return (
        <select {...shared} value={text} onChange={change}>
          <option value="">{texts.choose}</option>
          {choices.map(({ label }, at) => (
            <option key={label} value={at}>
              {label}
            </option>
          ))}
        </select>
      );
    case "long-text":
    case "json":
      return <textarea {...shared} {...attributes} rows={3} value={text} onChange={change} />;
    case "number":
      return <input {...shared} type="number" {...attributes} value={text} onChange={change} />;
    case "text":
      return <input {...shared} type="text" {...attributes} value={text} onChange={change} />;
  }
}

function SendButton({
  busy,
  texts,
}: {
  readonly busy: boolean;
  readonly texts: PeopleTexts;
}): ReactNode {
  return (
    <div className="mp-commands">
      <button type="submit" className="mp-button" aria-disabled={busy}>
        {busy ? texts.answering : texts.answer}
      </button>
    </div>
  );
}
