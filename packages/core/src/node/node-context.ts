import type { Engine } from "@milepost/engine";
import type { Channels } from "../channels/channels.ts";
import type { ConnectionRegistration } from "../cluster/connection-registration.ts";
import type { RevocationCache } from "../cluster/revocation-cache.ts";
import type { Compactions } from "../compaction/compactions.ts";
import type { ConnectionContext } from "../connection/connection-context.ts";
import type { RefusalCounts } from "../limits/refusal-counts.ts";
import type { OperationService } from "../operations/operation-service.ts";
import type { QueueService } from "../queues/queue-service.ts";
import type { CoreLog } from "../runtime/options.ts";
import type { Signatures } from "../signatures/signatures.ts";
import type { Outage } from "../store/outage.ts";

/** Everything that the parts of one node share; each part takes only the slice it needs. */
export interface NodeContext extends ConnectionContext {
  readonly engine: Engine;
  readonly log: CoreLog | undefined;
  readonly channels: Channels;
  readonly compactions: Compactions;
  readonly signatures: Signatures;
  readonly operations: OperationService;
  readonly queues: QueueService;
  readonly outage: Outage;
  readonly refusals: RefusalCounts;
  readonly registration: ConnectionRegistration;
  readonly revocations: RevocationCache;
}
