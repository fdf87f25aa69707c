/** Facts that the engine had acknowledged or delivered, each with the moment at which the process knew it. */
export type Fact = { readonly at: bigint } & Known;

/** Kinds of facts. */
export type Known =
  /** An entry was acknowledged to its publisher, or delivered to a subscriber. */
  | {
      readonly kind: "entry";
      readonly channel: string;
      readonly epoch: string;
      readonly offset: number;
      readonly tag: string;
      readonly json: string;
      readonly key?: string;
    }
  | { readonly kind: "lease"; readonly name: string; readonly fence: number }
  | { readonly kind: "used"; readonly name: string }
  | { readonly kind: "item"; readonly owner: `user:${string}`; readonly id: string }
  | { readonly kind: "revocation"; readonly id: string }
  | { readonly kind: "ticket"; readonly id: string }
  /** A durable subscriber has settled everything up to an offset. */
  | { readonly kind: "settled"; readonly name: string; readonly offset: number }
  /** A record has had a value, which only grows. */
  | { readonly kind: "record"; readonly name: string; readonly value: number };

/** Line of a file of facts. */
export function lineOf({ at, ...known }: Fact): string {
  return `${JSON.stringify({ ...known, at: String(at) })}\n`;
}

/** Reads a file of facts; a last line that was not finished is left out. */
export function readFacts(text: string): readonly Fact[] {
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => {
      const { at, ...known } = JSON.parse(line) as Known & { readonly at: string };
      return { ...known, at: BigInt(at) };
    });
}
