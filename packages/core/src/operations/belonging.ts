import type { OperationEvents, OperationState } from "@milepost/model";
import { encodeId, MilepostError, parseChannelName } from "@milepost/protocol";
import { orThrow } from "../input/input.ts";
import { requireEvent } from "../rules/contract/channel-contract.ts";
import { permissionFor } from "../rules/permissions.ts";
import type { ServicePrincipal } from "../rules/principal.ts";
import type { RuleBook } from "../rules/rule-book.ts";

/** Event with which summaries reach the channels that an operation belongs to. */
export const summaryEvent = "operation";

/** Fields that say where an operation belongs. */
type Belonging = Pick<OperationState, "collection_id" | "belongs_to">;

/** Returns the channels that an operation belongs to, each once; at most two. */
export function channelsOf({ collection_id, belongs_to }: Belonging): readonly string[] {
  const channels: string[] = [];
  if (collection_id !== undefined) channels.push(`collection:${encodeId(collection_id)}`);
  if (belongs_to !== undefined && !channels.includes(belongs_to)) channels.push(belongs_to);
  return channels;
}

/**
 * Throws unless the service may publish to each channel that its new operation would belong to, and that channel takes
 * summaries. The gateway publishes them there later, so nobody may name a channel that is out of his own reach.
 */
export function requireBelonging(
  service: ServicePrincipal,
  created: OperationEvents["created"],
  rules: RuleBook,
): void {
  for (const channel of channelsOf(created)) {
    const resolved = rules.of(orThrow(parseChannelName(channel)));
    if (permissionFor(service, resolved, "publish") !== "allowed") {
      throw new MilepostError(
        "forbidden",
        `the API key "${service.name}" may not publish to ${channel}, so its operations cannot belong to it; grant the key publish:${channel}, or leave the channel out`,
      );
    }
    if (resolved.events !== undefined) requireEvent(resolved.events, channel, summaryEvent);
    if (resolved.rule.encrypted !== undefined) {
      throw new MilepostError(
        "invalid_data",
        `${channel} takes encrypted data only, and summaries of operations are plain; let the operation belong to another channel`,
      );
    }
  }
}
