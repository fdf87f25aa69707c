import { endEvent, MilepostError, type Publication } from "@milepost/protocol";
import type { LogPolicy, NewEntry } from "./ports/channel-log.ts";
import { shownPublisher } from "./shown-publisher.ts";

/** Fields of a publication that not every publication has. */
export type OptionalFields = Pick<
  Publication,
  "source" | "priority" | "sig" | "traceparent" | "publisher"
>;

/** Returns the optional fields of an entry's publication. In a roll-up, `source` is the channel that the copy comes from. */
export function optionalFields(
  { event, priority, sig, traceparent, publisher }: NewEntry,
  policy: LogPolicy,
  source: string | undefined,
): OptionalFields {
  return {
    ...(source === undefined ? undefined : { source }),
    ...(priority === undefined ? undefined : { priority }),
    ...(sig === undefined ? undefined : { sig }),
    ...(traceparent === undefined ? undefined : { traceparent }),
    ...(policy.showsPublisher === true && event !== endEvent
      ? { publisher: shownPublisher(publisher) }
      : undefined),
  };
}

/** Returns the end of a log to an append of another end, as its duplicate. Throws `ended` for any other event. */
export function repeatedEnd(end: Publication, event: string): Publication {
  if (event === endEvent) return end;
  throw new MilepostError("ended", `${end.channel} has ended; publish to another channel`);
}
