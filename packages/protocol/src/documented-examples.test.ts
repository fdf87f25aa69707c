import { describe, expect, test } from "vitest";
import { parseClientMessage } from "./parse-client-message.ts";
import { parseServerMessage } from "./parse-server-message.ts";
import { documentText, protocolPages } from "./testing/test-titles.ts";

const clientTypes: readonly string[] = [
  "auth",
  "subscribe",
  "ack",
  "nack",
  "unsubscribe",
  "publish",
  "request",
  "cancel",
  "ping",
];
const serverTypes: readonly string[] = [
  "welcome",
  "reply",
  "subscribed",
  "event",
  "gap",
  "reset",
  "presence",
  "notice",
  "end",
  "unsubscribed",
  "chunk",
  "pong",
];

/**
 * Returns the JSON values of a page's examples. Each value begins at the start of a line and ends where the
 * JSON is complete.
 */
function exampleValues(page: string): readonly unknown[] {
  const blocks = documentText(page).matchAll(/^( *)```json\n([\s\S]*?)^ *```$/gm);
  return [...blocks].flatMap(([, , block = ""]) => valuesOf(block.split("\n"), page));
}

function valuesOf(lines: readonly string[], page: string): readonly unknown[] {
  const values: unknown[] = [];
  let pending = "";
  for (const line of lines) {
    pending += line;
    const value = complete(pending);
    if (value === undefined) continue;
    values.push(value.json);
    pending = "";
  }
  if (pending.trim() !== "") throw new Error(`${page}: this example is no JSON: ${pending}`);
  return values;
}

function complete(text: string): { readonly json: unknown } | undefined {
  try {
    return { json: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}

function typeOf(value: unknown): string {
  const type = typeof value === "object" && value !== null && "type" in value ? value.type : "";
  return typeof type === "string" ? type : "";
}

describe("the examples in the pages of the protocol", () => {
  test.each(protocolPages())(
    "%s has only example messages that the parsers accept unchanged",
    (page) => {
      const messages = exampleValues(page).flat();
      // One example shows a message that the gateway refuses.
      const isRefused = (value: unknown) => JSON.stringify(value).includes("no spaces");
      const refused = messages.flatMap((value) => {
        const type = typeOf(value);
        const results = [
          ...(clientTypes.includes(type) && !isRefused(value) ? [parseClientMessage(value)] : []),
          ...(serverTypes.includes(type) ? [parseServerMessage(value)] : []),
        ];
        return results.every(({ ok }) => ok) ? [] : [{ value, results }];
      });
      expect(refused).toEqual([]);
    },
  );
});
