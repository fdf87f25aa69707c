import type { Engine } from "@milepost/engine";
import type { ChannelService } from "../channels/channels-api.ts";
import type { Digests } from "../digest/digest-api.ts";
import type { Estimates } from "../estimates/estimate-report.ts";
import type { Inboxes } from "../inbox/inbox-api.ts";
import type { LatencyReporter, LatencyReports } from "../latency/latency-reports.ts";
import type { Operations } from "../operations/operations-api.ts";
import type { PresenceService } from "../presence/presence-service.ts";
import type { QuestionService } from "../questions/questions-api.ts";
import type { Queues } from "../queues/queues-api.ts";
import type { Principal } from "../rules/principal.ts";

/** Services of the node that the built-in methods call. */
export interface MethodServices {
  readonly channels: ChannelService;
  readonly operations: Operations;
  readonly queues: Queues;
  readonly estimates: Estimates;
  readonly questions: QuestionService;
  readonly presence: PresenceService;
  readonly inbox: Inboxes;
  readonly digests: Digests;
  readonly latency: Pick<LatencyReports, "take">;
  readonly engine: Pick<Engine, "name" | "isDurable">;
}

/** Connection that requests a built-in method. */
export interface MethodCaller extends LatencyReporter {
  /** Called when the client says whether its page is visible. */
  onVisibility(isVisible: boolean): void;
}

/** Answers one built-in method: resolves with its result, or rejects with the error to reply. */
export type Method = (
  services: MethodServices,
  principal: Principal,
  params: unknown,
  caller: MethodCaller,
) => Promise<unknown>;
