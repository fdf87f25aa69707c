import { projectionNamed } from "@milepost/model";
import {
  envelopeField,
  isEnvelope,
  isRecord,
  MilepostError,
  readEnvelope,
} from "@milepost/protocol";

/** Text that every JSON text with an envelope contains; a string in the data may contain it as well. */
const mark = `"${envelopeField}":`;

/** True if the data may contain an envelope, and so must not be composed from several entries. */
export function maybeEncrypted(json: string): boolean {
  return json.includes(mark);
}

/**
 * Throws `invalid_data` unless the data are encrypted as the channel's rule demands: as a whole (`true`), or at least in
 * the named fields that they have. It keeps a publisher's mistake from reaching the store as plain text.
 */
export function requireEncrypted(
  required: true | readonly string[],
  event: string,
  json: string,
): void {
  const data: unknown = maybeEncrypted(json) || required !== true ? JSON.parse(json) : undefined;
  if (required === true) {
    if (isSealed(data)) return;
    throw new MilepostError(
      "invalid_data",
      `the data of ${event} must be encrypted: the channel's rule accepts only an envelope with ${envelopeField}`,
    );
  }
  if (isSealed(data)) return;
  const plain = isRecord(data)
    ? required.find((name) => Object.hasOwn(data, name) && !isSealed(data[name]))
    : "its data";
  if (plain === undefined) return;
  throw new MilepostError(
    "invalid_data",
    `${plain} of ${event} must be encrypted: the channel's rule accepts only an envelope with ${envelopeField} there`,
  );
}

function isSealed(value: unknown): boolean {
  return isEnvelope(value) && typeof readEnvelope(value) !== "string";
}

/**
 * Throws `invalid_data` for encrypted data that the channel's projection would have to read, since its state would leave
 * them out without a word. `latest` keeps whatever it gets, and a projection keeps fields that it does not read.
 */
export function requireReadable(projection: string | undefined, event: string, json: string): void {
  if (projection === undefined || projection === "latest" || !maybeEncrypted(json)) return;
  const data: unknown = JSON.parse(json);
  const names = isRecord(data) ? Object.keys(data).filter((name) => isEnvelope(data[name])) : [];
  if (!isEnvelope(data)) {
    if (names.length === 0 || !isRecord(data)) return;
    const entries = Object.entries(data).map(([name, value]) => [
      name,
      names.includes(name) ? "text" : value,
    ]);
    const readable: unknown = Object.fromEntries(entries);
    if (changes(projection, event, data) || !changes(projection, event, readable)) return;
  }
  throw new MilepostError(
    "invalid_data",
    `the data of ${event} are encrypted where the channel's projection must read them; encrypt other fields, or publish to a channel without a projection`,
  );
}

/** True if a first event with these data would change the state of the projection. */
function changes(name: string, event: string, data: unknown): boolean {
  const projection = projectionNamed(name);
  if (projection === undefined) return true;
  const entry = { event, data, ts: 0, offset: 1 };
  return projection.reduce(projection.initial, entry) !== projection.initial;
}
