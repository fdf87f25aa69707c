import { isChannelSegment, maxChannelBytes } from "@milepost/protocol";

/** What the `{name}` segments of a pattern stood for in one channel name. */
export type Captures = Readonly<Record<string, string>>;

const capture = /^\{([A-Za-z][A-Za-z0-9_]*)\}$/;
const noCaptures: Captures = {};

type Segment = { readonly literal: string } | { readonly name: string };

/** A pattern of channel names, taken apart once. */
export class ChannelPattern {
  readonly #segments: readonly Segment[];
  readonly #open: boolean;

  /** Whether it ends with `*`. */
  get isOpen(): boolean {
    return this.#open;
  }

  /** How many segments stand before the `*`, or in all. */
  get length(): number {
    return this.#segments.length;
  }

  private constructor(segments: readonly Segment[], open: boolean) {
    this.#segments = segments;
    this.#open = open;
  }

  /**
   * Reads a pattern: a channel name in which a segment may be `{name}` (any one segment) or, last, `*` (one
   * or more). Undefined when it is none, or names a capture twice.
   */
  static read(text: string): ChannelPattern | undefined {
    if (text.length > maxChannelBytes) return undefined;
    const parts = text.split(":");
    const open = parts.at(-1) === "*";
    if (open) parts.pop();
    const names = new Set<string>();
    const segments: Segment[] = [];
    for (const part of parts) {
      const name = capture.exec(part)?.[1];
      if (name === undefined) {
        if (!isChannelSegment(part)) return undefined;
        segments.push({ literal: part });
      } else {
        if (names.has(name)) return undefined;
        names.add(name);
        segments.push({ name });
      }
    }
    return new ChannelPattern(segments, open);
  }

  /**
   * What the captures are when the segments of a channel name match; undefined when they do not. The `*` of a
   * name that addresses everything below a prefix is matched by a `*` alone: a pattern must cover all of it.
   */
  match(channel: readonly string[]): Captures | undefined {
    const count = this.#segments.length;
    if (this.#open ? channel.length <= count : channel.length !== count) return undefined;
    let captures: Record<string, string> | undefined;
    for (let i = 0; i < count; i++) {
      const segment = this.#segments[i];
      const value = channel[i];
      if (segment === undefined || value === undefined) return undefined;
      if ("name" in segment) {
        if (value === "*") return undefined;
        captures ??= {};
        captures[segment.name] = value;
      } else if (segment.literal !== value) return undefined;
    }
    return captures ?? noCaptures;
  }
}
