import fc from "fast-check";
import type { Publication } from "../publication.ts";

const id = fc.string({ unit: fc.constantFrom(..."abAB01_-"), minLength: 1, maxLength: 8 });
const name = fc.string({ unit: fc.constantFrom(..."abzAZ09_.~-"), minLength: 1, maxLength: 8 });

/** Any text, including awkward code units: Unicode line separators, quotes, lone surrogates. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom(
    "\u2028",
    "\u2029",
    "\ud800",
    "\udc00",
    '"',
    "\\",
    "</script>",
    "\u0000",
    "__proto__",
  ),
);

/** Any JSON value with any text in it, as a publisher may send it. */
export const anyJson: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    anyText,
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(anyText, tie("value"), { maxKeys: 4 }),
  ),
})).value;

/** Any publication that a log may contain. */
export const anyPublication: fc.Arbitrary<Publication> = fc.record(
  {
    channel: fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(":")),
    source: fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(":")),
    position: fc.record({ epoch: id, offset: fc.nat(), tag: id }),
    event: name,
    json: anyJson.map((value) => JSON.stringify(value)),
    ts: fc.integer({ min: 0, max: 8.64e15 }),
  },
  { requiredKeys: ["channel", "position", "event", "json", "ts"] },
);
