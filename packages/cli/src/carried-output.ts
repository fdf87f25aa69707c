import {
  compactJson,
  indentJson,
  isRecord,
  JsonText,
  parseCarrying,
  writeJson,
} from "@milepost/protocol";
import { printableJson } from "@milepost/server";

/** Returns a value as one line of JSON, with each `JsonText` in it as its own text. */
export function jsonLine(value: unknown): string {
  return printableJson(writeJson(value));
}

/** Returns the JSON text of an answer as one line. */
export function jsonTextLine(text: string): string {
  return jsonLine(new JsonText(compactJson(text)));
}

/** Returns JSON text on several lines, indented. */
export function jsonBlock(text: string): string {
  return printableJson(indentJson(text));
}

/** Returns the JSON text of one field of an answer; `null` if the answer has none. */
export function fieldOf(text: string, name: string): string {
  const answer = parseCarrying(text, [name], Number.POSITIVE_INFINITY);
  const field = answer.ok && isRecord(answer.value) ? answer.value[name] : undefined;
  return field instanceof JsonText ? field.text : "null";
}
