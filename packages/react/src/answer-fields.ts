import { isRecord } from "@milepost/protocol";

/** Control for one value of an answer. */
export interface AnswerField {
  /** Name of the property; undefined if the whole answer is this one value. */
  readonly name: string | undefined;
  readonly label: string | undefined;
  readonly description: string | undefined;
  readonly control: "text" | "long-text" | "number" | "yes-no" | "choice" | "json";
  readonly required: boolean;
  /** Values to choose from, for `choice`. */
  readonly choices: readonly { readonly value: unknown; readonly label: string }[];
  readonly attributes: Readonly<Record<string, string | number>>;
  /** Value before the person has changed it, as the control shows it. */
  readonly initial: string;
}

/** Content of a form: the text of each control, by its place among the fields. */
export type FieldTexts = readonly string[];

/** Answer of a form, or the place of the field whose text is no value. */
export type ReadAnswer =
  | { readonly ok: true; readonly answer: unknown }
  | { readonly ok: false; readonly field: number };

type Schema = Readonly<Record<string, unknown>>;

const maxProperties = 30;
/** Length from which a text gets a larger control. */
const longText = 200;

/**
 * Returns the controls for a value of a JSON Schema, such as the answer to a question of the kind `input`: one for a simple value,
 * one for each property of an object with simple properties. For any other schema the control takes JSON. `standard` is the value
 * that the controls show first. The gateway checks every value itself.
 */
export function answerFields(schema: unknown, standard: unknown): readonly AnswerField[] {
  if (!isRecord(schema)) return [fieldOf(undefined, {}, true, standard)];
  const { type, properties, required = [] } = schema;
  if (type !== "object" || !isRecord(properties)) {
    return [fieldOf(undefined, schema, true, standard ?? schema.default)];
  }
  const names = Object.keys(properties);
  if (names.length === 0 || names.length > maxProperties) {
    return [jsonField(undefined, schema, true, standard)];
  }
  const defaults = isRecord(standard) ? standard : {};
  return names.map((name) => {
    const property = isRecord(properties[name]) ? properties[name] : {};
    const isRequired = Array.isArray(required) && required.includes(name);
    return fieldOf(name, property, isRequired, defaults[name] ?? property.default);
  });
}

/** Reads what a form holds as an answer. Texts that are left empty and not required are left out. */
export function readAnswer(fields: readonly AnswerField[], texts: FieldTexts): ReadAnswer {
  const answer: Record<string, unknown> = {};
  for (const [at, field] of fields.entries()) {
    const text = texts[at] ?? "";
    if (text === "" && field.control !== "yes-no") {
      if (field.required && !isEmptyTextAllowed(field)) return { ok: false, field: at };
      if (!field.required) continue;
    }
    const value = answerOf(field, text);
    if (value === undefined) return { ok: false, field: at };
    if (field.name === undefined) return { ok: true, answer: value };
    answer[field.name] = value;
  }
  return { ok: true, answer };
}

function isEmptyTextAllowed({ control, attributes }: AnswerField): boolean {
  return (control === "text" || control === "long-text") && attributes.minLength === 0;
}

function answerOf({ control, choices }: AnswerField, text: string): unknown {
  switch (control) {
    case "text":
    case "long-text":
      return text;
    case "number": {
      const number = Number(text);
      return text.trim() === "" || !Number.isFinite(number) ? undefined : number;
    }
    case "yes-no":
      return text === "true";
    case "choice":
      return choices[Number(text)]?.value;
    case "json":
      try {
        return JSON.parse(text) as unknown;
      } catch {
        return undefined;
      }
  }
}

function fieldOf(
  name: string | undefined,
  schema: Schema,
  required: boolean,
  standard: unknown,
): AnswerField {
  const choices = choicesOf(schema);
  if (choices !== undefined) {
    const chosen = choices.findIndex(({ value }) => same(value, standard));
    const initial = chosen < 0 ? "" : `${chosen}`;
    return { ...base(name, schema, required), control: "choice", choices, initial };
  }
  switch (schema.type ?? "string") {
    case "string":
      return textField(name, schema, required, standard);
    case "number":
    case "integer": {
      const step = schema.multipleOf ?? (schema.type === "integer" ? 1 : undefined);
      const attributes = { ...numbers({ min: schema.minimum, max: schema.maximum, step }) };
      if (attributes.step === undefined) Object.assign(attributes, { step: "any" });
      const initial = typeof standard === "number" ? `${standard}` : "";
      return { ...base(name, schema, required), control: "number", attributes, initial };
    }
    case "boolean":
      return {
        ...base(name, schema, required),
        control: "yes-no",
        initial: `${standard === true}`,
      };
    default:
      return jsonField(name, schema, required, standard);
  }
}

function textField(
  name: string | undefined,
  schema: Schema,
  required: boolean,
  standard: unknown,
): AnswerField {
  const { minLength, maxLength, format } = schema;
  const isLong = format === undefined && !(typeof maxLength === "number" && maxLength <= longText);
  const type = typeof format === "string" ? inputTypes[format] : undefined;
  return {
    ...base(name, schema, required),
    control: isLong && name === undefined ? "long-text" : "text",
    attributes: {
      ...numbers({ minLength: minLength ?? (required && name === undefined ? 1 : undefined) }),
      ...numbers({ maxLength }),
      ...(type !== undefined && { type }),
    },
    initial: typeof standard === "string" ? standard : "",
  };
}

const inputTypes: Readonly<Record<string, string>> = {
  email: "email",
  uri: "url",
  date: "date",
  time: "time",
};

function jsonField(
  name: string | undefined,
  schema: Schema,
  required: boolean,
  standard: unknown,
): AnswerField {
  const initial = standard === undefined ? "" : JSON.stringify(standard, undefined, 2);
  return { ...base(name, schema, required), control: "json", initial };
}

function base(name: string | undefined, { title, description }: Schema, required: boolean) {
  return {
    name,
    label: typeof title === "string" ? title : name,
    description: typeof description === "string" ? description : undefined,
    required,
    choices: [],
    attributes: {} as Record<string, string | number>,
    initial: "",
  };
}

/** Returns the values of a schema with `enum`, `const` or `oneOf` of constants; undefined for any other. */
function choicesOf({ enum: values, oneOf }: Schema): AnswerField["choices"] | undefined {
  if (Array.isArray(values)) {
    return values.map((value) => ({ value, label: labelOf(value) }));
  }
  if (!Array.isArray(oneOf) || !oneOf.every((one) => isRecord(one) && "const" in one)) {
    return undefined;
  }
  return (oneOf as Schema[]).map(({ const: value, title }) => ({
    value,
    label: typeof title === "string" ? title : labelOf(value),
  }));
}

function labelOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function numbers(all: Readonly<Record<string, unknown>>): Record<string, string | number> {
  const some = Object.entries(all).filter(
    (entry): entry is [string, number] => typeof entry[1] === "number",
  );
  return Object.fromEntries(some);
}
