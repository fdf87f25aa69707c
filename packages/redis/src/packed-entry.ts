import { shownPublisher } from "@milepost/engine";
import type { Priority, Publication } from "@milepost/protocol";

/** Begin of the part with the signature; no channel name contains "=". */
const signaturePart = "sig=";
/** Begin of the part with the publisher. */
const publisherBegin = "by=";
/**
 * Begin of the part with the trace context. To versions that know no traces it is the part with a publisher, which they
 * do not show: the real one, if there is one, comes later. No name of a publisher has a semicolon.
 */
const traceBegin = "by=;";
/** Number of parts that every header has. */
const fixedParts = 7;

/** Returns the part of the header that holds the publisher of an entry, after a space. */
export function publisherPart(publisher: string): string {
  return ` ${publisherBegin}${shownPublisher(publisher)}`;
}

/** Returns the part of the header that holds the trace context of an entry, after a space. */
export function tracePart(traceparent: string): string {
  return ` ${traceBegin}${traceparent}`;
}

/**
 * Parses an entry as the scripts write it to the stream and the bus. A header line holds epoch, offset, tag,
 * tag of the entry before it, time, priority, event, in a roll-up the source, `sig=` with the signature of a
 * signed entry, `by=;` with the trace context of a traced one, and `by=` with the publisher where the log stores it. The
 * data follows as JSON text.
 */
export function unpackEntry(channel: string, packed: string): Publication {
  const end = packed.indexOf("\n");
  const parts = packed.slice(0, end < 0 ? undefined : end).split(" ");
  const [epoch = "", offset = "", tag = "", previousTag = "", ts = "", priority, event = ""] =
    parts;
  let source: string | undefined;
  let sig: string | undefined;
  let publisher: string | undefined;
  let traceparent: string | undefined;
  for (let i = fixedParts; i < parts.length; i++) {
    const part = parts[i] as string;
    if (part.startsWith(signaturePart)) sig = part.slice(signaturePart.length);
    else if (part.startsWith(traceBegin)) traceparent = part.slice(traceBegin.length);
    else if (part.startsWith(publisherBegin)) publisher = part.slice(publisherBegin.length);
    else source = part;
  }
  return {
    channel,
    position: { epoch, offset: Number(offset), tag },
    previousTag,
    event,
    json: end < 0 ? "null" : packed.slice(end + 1),
    ts: Number(ts),
    ...(source === undefined ? undefined : { source }),
    ...(priority === "-" ? undefined : { priority: priority as Priority }),
    ...(sig === undefined ? undefined : { sig }),
    ...(publisher === undefined ? undefined : { publisher }),
    ...(traceparent === undefined ? undefined : { traceparent }),
  };
}

/** Returns the header line of a publication, as the scripts write it. */
export function headerOf(publication: Publication): string {
  const { position, previousTag, event, ts, priority = "-" } = publication;
  const { source, sig, traceparent, publisher } = publication;
  const { epoch, offset, tag } = position;
  const fixed = `${epoch} ${offset} ${tag} ${previousTag} ${ts} ${priority} ${event}`;
  return [
    fixed,
    source === undefined ? "" : ` ${source}`,
    sig === undefined ? "" : ` ${signaturePart}${sig}`,
    traceparent === undefined ? "" : tracePart(traceparent),
    // The publication has the publisher as it is shown already.
    publisher === undefined ? "" : ` ${publisherBegin}${publisher}`,
  ].join("");
}
