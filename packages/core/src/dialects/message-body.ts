import { isRecord, type Parsed, parsed, readExactly, refused } from "@milepost/protocol";

/** Fields in which a bare client may put what a message says. */
const bodies = ["payload", "data"] as const;

/**
 * Returns what a literal message says: the object in `payload` or `data`, or else the message's own fields with these
 * names. Refuses with `bad_message` a body that is no object, and values that JavaScript would change.
 */
export function bodyOf(
  message: Readonly<Record<string, unknown>>,
  names: readonly string[],
): Parsed<Readonly<Record<string, unknown>>> {
  const place = bodies.find((name) => message[name] !== undefined);
  if (place !== undefined) {
    const body = readExactly(message[place], place);
    if (!body.ok) return body;
    return isRecord(body.value)
      ? parsed(body.value)
      : refused("bad_message", `${place} must be an object with the fields of the message`);
  }
  const own: Record<string, unknown> = {};
  for (const name of names) {
    if (!Object.hasOwn(message, name)) continue;
    const value = readExactly(message[name], name);
    if (!value.ok) return value;
    own[name] = value.value;
  }
  return parsed(own);
}
