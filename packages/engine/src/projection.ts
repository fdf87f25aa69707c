import type { ProjectionEntry } from "@milepost/model";
import type { Publication } from "@milepost/protocol";

/** Returns a publication as a projection reads it, with its data parsed. */
export function projectionEntry(publication: Publication): ProjectionEntry {
  return {
    event: publication.event,
    data: JSON.parse(publication.json) as unknown,
    ts: publication.ts,
    offset: publication.position.offset,
    ...(publication.publisher === undefined ? undefined : { publisher: publication.publisher }),
  };
}
