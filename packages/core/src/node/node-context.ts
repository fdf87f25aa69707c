import type { Engine } from "@milepost/engine";
import type { Channels } from "../channels/channels.ts";
import type { ConnectionRegistration } from "../cluster/connection-registration.ts";
import type { PageVisibility } from "../cluster/page-visibility.ts";
import type { RevocationCache } from "../cluster/revocation-cache.ts";
import type { Compactions } from "../compaction/compactions.ts";
import type { ConnectionContext } from "../connection/connection-context.ts";
import type { DigestService } from "../digest/digest-service.ts";
import type { Estimates } from "../estimates/estimate-report.ts";
import type { InboxService } from "../inbox/inbox-service.ts";
import type { InsightService } from "../insight/insight-service.ts";
import type { RefusalCounts } from "../limits/refusal-counts.ts";
import type { OperationService } from "../operations/operation-service.ts";
import type { QuestionKeeper } from "../questions/question-keeper.ts";
import type { Questioning } from "../questions/question-service.ts";
import type { QueueService } from "../queues/queue-service.ts";
import type { DeliveryLoop } from "../reach/delivery-loop.ts";
import type { Reaching } from "../reach/reach-api.ts";
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
  readonly estimates: Estimates;
  readonly inbox: InboxService;
  readonly digests: DigestService;
  readonly questions: Questioning;
  readonly questionKeeper: QuestionKeeper;
  readonly visibility: PageVisibility;
  readonly outage: Outage;
  readonly insight: InsightService;
  readonly reaching: Reaching;
  /** Loop that tells users who are away; undefined where the deployment has nothing to reach them with. */
  readonly deliveries: DeliveryLoop | undefined;
  readonly refusals: RefusalCounts;
  readonly registration: ConnectionRegistration;
  readonly revocations: RevocationCache;
}
