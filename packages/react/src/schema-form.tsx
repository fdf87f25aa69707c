"use client";
import { type FormEvent, type ReactNode, useId, useMemo, useState } from "react";
import { type AnswerField, answerFields, readAnswer } from "./answer-fields.ts";
import type { PeopleTexts } from "./people-texts.ts";

interface SchemaFormProps {
  /** JSON Schema of the value. */
  readonly schema: unknown;
  /** Value that the form shows first. */
  readonly standard: unknown;
  readonly texts: PeopleTexts;
  readonly busy: boolean;
  /** Text of the button. */
  readonly label: string;
  readonly send: (value: unknown) => void;
}

/** Form for a value, with the controls that its JSON Schema asks for. */
export function SchemaForm({
  schema,
  standard,
  texts,
  busy,
  label,
  send,
}: SchemaFormProps): ReactNode {
  const base = useId();
  const fields = useMemo(() => answerFields(schema, standard), [schema, standard]);
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
      <SendButton busy={busy} label={label} />
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

/** Button that sends a form. */
export function SendButton({
  busy,
  label,
}: {
  readonly busy: boolean;
  readonly label: string;
}): ReactNode {
  return (
    <div className="mp-commands">
      <button type="submit" className="mp-button" aria-disabled={busy}>
        {label}
      </button>
    </div>
  );
}
