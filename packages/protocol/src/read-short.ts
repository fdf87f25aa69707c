import type { NumberMessage } from "./server-message.ts";

/**
 * Returns a reader of the frames of one connection, which may have the short form. It takes each frame in turn, as text or
 * as a value, and returns the value with every message in the long form. A text that is not JSON stays as it is, and an
 * event whose number no message has told becomes undefined.
 */
export function shortReader(): (frame: unknown) => unknown {
  const numbers = new Map<unknown, NumberMessage>();
  const read = (message: unknown): unknown => {
    if (!Array.isArray(message)) {
      const told = message as NumberMessage | null;
      if (told?.type === "number") numbers.set(told.number, told);
      return message;
    }
    const [number, rest, event, data, age, rare] = message;
    const told = numbers.get(number);
    return (
      told && {
        type: "event",
        channel: told.channel,
        position: told.prefix + rest,
        event,
        data,
        ts: told.ts + age,
        ...rare,
      }
    );
  };
  return (frame) => {
    let value = frame;
    try {
      if (typeof frame === "string") value = JSON.parse(frame);
    } catch {
      // The text is passed on.
    }
    return Array.isArray(value) && typeof value[0] !== "number" ? value.map(read) : read(value);
  };
}
