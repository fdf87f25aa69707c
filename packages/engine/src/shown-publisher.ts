import { encodeId } from "@milepost/protocol";

const servicePrefix = "service:";

/**
 * Returns the name of a publisher as logs store it and readers receive it. The name of a service is encoded as an id is,
 * so a plain one stays as it is; the other names have no special characters.
 */
export function shownPublisher(publisher: string): string {
  return publisher.startsWith(servicePrefix)
    ? `${servicePrefix}${encodeId(publisher.slice(servicePrefix.length))}`
    : publisher;
}
