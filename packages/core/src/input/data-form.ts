import { JsonText } from "@milepost/protocol";

/**
 * Form in which stored data is returned: as a value, whose numbers JavaScript may round, or as the `JsonText` that
 * the publisher wrote. The doors return texts.
 */
export type DataForm = "value" | "text";

/** Returns stored data in a form. */
export function dataIn(form: DataForm, json: string): unknown {
  return form === "text" ? new JsonText(json) : (JSON.parse(json) as unknown);
}
