import { isChannelSegment, maxChannelBytes } from "@milepost/protocol";

/** Values that a pattern's `{name}` segments have in a channel name, by `name`. */
export type Captures = Readonly<Record<string, string>>;

/** Segment of a pattern: a literal, or a named capture of any one segment. */
export type PatternSegment = { readonly literal: string } | { readonly name: string };

const capture = /^\{([A-Za-z][A-Za-z0-9_]*)\}$/;
const noCaptures: Captures = {};

/** Parsed pattern of channel names. */
export class ChannelPattern {
  /** Segments before the final `*`, or all segments if the pattern has no `*`. */
  readonly segments: readonly PatternSegment[];
  /** True if the pattern ends with `*`. */
  readonly isOpen: boolean;

  private constructor(segments: readonly PatternSegment[], isOpen: boolean) {
    this.segments = segments;
    this.isOpen = isOpen;
  }

  /**
   * Reads a pattern: a channel name in which a segment may be `{name}` (any one segment) or, last, `*` (one or
   * more). Returns undefined for any other text, and for a pattern that names a capture twice.
   */
  static read(text: string): ChannelPattern | undefined {
    if (text.length > maxChannelBytes) return undefined;
    const parts = text.split(":");
    const isOpen = parts.at(-1) === "*";
    if (isOpen) parts.pop();
    const names = new Set<string>();
    const segments: PatternSegment[] = [];
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
    return new ChannelPattern(segments, isOpen);
  }

  /**
   * Returns the captures when the segments of a channel name match; otherwise undefined. A `*` at the end of a
   * channel name means everything below a prefix. Only the pattern's own `*` matches it, so that the pattern
   * covers all of these channels.
   */
  match(channel: readonly string[]): Captures | undefined {
    const count = this.segments.length;
    if (this.isOpen ? channel.length <= count : channel.length !== count) return undefined;
    let captures: Record<string, string> | undefined;
    for (let i = 0; i < count; i++) {
      const segment = this.segments[i];
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

  /** Explains to people why the segments of a channel name do not match; returns undefined when they do. */
  mismatch(channel: readonly string[]): string | undefined {
    for (const [i, segment] of this.segments.entries()) {
      const value = channel[i];
      const place = `segment ${i + 1}`;
      if (value === undefined) return `it has ${counted(channel.length)}; the pattern needs more`;
      if ("literal" in segment) {
        if (segment.literal !== value) return `${place} is ${value}, not ${segment.literal}`;
      } else if (value === "*") {
        return `${place} is *, and {${segment.name}} stands for one segment, not for all`;
      }
    }
    const rest = channel.length - this.segments.length;
    if (this.isOpen) return rest > 0 ? undefined : "the * needs one more segment";
    return rest === 0 ? undefined : `it has ${counted(channel.length)}; the pattern has fewer`;
  }

  /** Returns true if this pattern matches every name that the other one matches. */
  covers(other: ChannelPattern): boolean {
    const count = this.segments.length;
    if (this.isOpen) {
      if (other.segments.length < count + (other.isOpen ? 0 : 1)) return false;
    } else if (other.isOpen || other.segments.length !== count) return false;
    return this.segments.every((segment, i) => {
      const theirs = other.segments[i];
      if (theirs === undefined) return false;
      if ("name" in segment) return true;
      return "literal" in theirs && theirs.literal === segment.literal;
    });
  }
}

function counted(segments: number): string {
  return segments === 1 ? "1 segment" : `${segments} segments`;
}
