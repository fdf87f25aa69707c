import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatCursor } from "./cursor.ts";
import { encodePlainPublication } from "./plain-dialect.ts";
import { anyPublication } from "./testing/any-publication.ts";

describe("publications in the plain dialect", () => {
  it("[P-DIA-3] [P-DIA-4] the plain dialect carries the published data unchanged, and the subscriber's cursor", () => {
    fc.assert(
      fc.property(anyPublication, (publication) => {
        const { channel, source, position, event, json, ts } = publication;
        const cursor = formatCursor([[channel, position]]);
        const { head, tail } = encodePlainPublication(publication);
        const message: unknown = JSON.parse(`${head}${cursor}${tail}`);
        expect(message).toEqual({
          type: event,
          event_id: cursor,
          timestamp: new Date(ts).toISOString(),
          channel,
          ...(source === undefined ? {} : { source }),
          data: JSON.parse(json),
        });
      }),
    );
  });
});
