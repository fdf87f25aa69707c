import { isRecord, JsonText, MilepostError } from "@milepost/protocol";

/**
 * Returns data with the publisher's own id of the event as their field `event_id`, first and otherwise unchanged.
 *
 * Throws `bad_message` for data that are no object or have another id, and for signed data without the id, since a
 * signature covers the data as they were sent.
 */
export function withEventId(data: unknown, eventId: string, isSigned: boolean): unknown {
  const value = data instanceof JsonText ? (JSON.parse(data.text) as unknown) : data;
  if (!isRecord(value)) {
    throw new MilepostError("bad_message", "data must be an object to carry an event_id");
  }
  if (Object.hasOwn(value, "event_id")) {
    if (value.event_id === eventId) return data;
    throw new MilepostError("bad_message", "data.event_id must be the same as event_id");
  }
  if (isSigned) {
    throw new MilepostError("bad_message", "sign data that have event_id as a field");
  }
  if (!(data instanceof JsonText)) return { event_id: eventId, ...value };
  const rest = data.text.slice(1);
  const comma = rest === "}" ? "" : ",";
  return new JsonText(`{"event_id":${JSON.stringify(eventId)}${comma}${rest}`);
}
