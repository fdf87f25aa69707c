import { consumerKinds } from "@milepost/engine";
import { commandTransitions, operationStatuses } from "@milepost/model";
import {
  type CloseCode,
  closeCodes,
  type ErrorCode,
  errorCodes,
  type GapReason,
} from "@milepost/protocol";
import { trafficKinds, trafficScopes } from "../limits/traffic-names.ts";
import { createInstruments, type InstrumentRow, type InstrumentsOf } from "./create-instruments.ts";
import { noMeter } from "./meter.ts";

/** All reasons of the protocol. No node sends `store_unavailable` today. */
const gapReasons = [
  "trimmed",
  "epoch_changed",
  "tag_mismatch",
  "limit",
  "shown",
  "store_unavailable",
] as const satisfies readonly GapReason[];

/** Bounds of the histograms of queues, in milliseconds: 1 s to 6 h. */
const queueBuckets = [
  1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000,
  21_600_000,
];

/** Bounds of the histograms of latencies, in milliseconds. */
const latencyBuckets = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000];

/** Bounds of the histograms of work on the data folder, in milliseconds. */
const dataBuckets = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000];

/** Number of kinds of operations that metrics tell apart; all further ones are `other`. */
const maxKinds = 50;
/** Number of scripts of the store that metrics tell apart; an engine has fewer. */
const maxScripts = 200;

/** Reasons for which a signature is refused. */
export const signatureFaults = ["missing", "wrong", "stale", "used"] as const;
/**
 * All metrics of a node. A new metric needs a row here and a call where its event happens. The part that counts
 * holds the instrument, or gets it from its context. In code that handles messages, count once per batch and
 * never per subscriber.
 */
export const coreInstruments = {
  connections: {
    kind: "gauge",
    name: "milepost_connections",
    help: "Connections attached to this node.",
    unit: "connections",
  },
  connectionLimit: {
    kind: "gauge",
    name: "milepost_connection_limit",
    help: "Connections that this node accepts (the limit maxConnections).",
    unit: "connections",
  },
  connectionsByConsumer: {
    kind: "gauges",
    name: "milepost_connections_by_consumer",
    help: "Connections attached to this node, by kind of consumer.",
    unit: "connections",
    label: "consumer",
    values: consumerKinds,
  },
  clusterConnections: {
    kind: "gauge",
    name: "milepost_cluster_connections",
    help: "Connections of all nodes that share the store, as this node knows them; do not add it up over nodes.",
    unit: "connections",
  },
  silentConnections: {
    kind: "gauge",
    name: "milepost_silent_connections",
    help: "Connections from which nothing has come for longer than the ping interval and 5 s.",
    unit: "connections",
  },
  connectionsPerUser: {
    kind: "distribution",
    name: "milepost_connections_per_user",
    help: "Connections that each user has at this node now; services count for nobody.",
    unit: "connections",
    buckets: [1, 2, 3, 5, 10, 20, 50, 100],
  },
  subscriptions: {
    kind: "gauge",
    name: "milepost_subscriptions",
    help: "Subscriptions of the connections of this node.",
    unit: "subscriptions",
  },
  sendQueueBytes: {
    kind: "gauge",
    name: "milepost_send_queue_bytes",
    help: "Bytes that wait to be sent, in the queues of all connections and in their sockets.",
    unit: "bytes",
  },
  slowConnections: {
    kind: "gauge",
    name: "milepost_slow_connections",
    help: "Connections for which more bytes wait than the high-water mark, because their peer reads slowly.",
    unit: "connections",
  },
  status: {
    kind: "gauges",
    name: "milepost_status",
    help: "1 for the status that the node reports as its health, 0 for the others.",
    unit: "1",
    label: "status",
    values: ["healthy", "degraded", "draining", "unhealthy"],
  },
  storeLink: {
    kind: "gauges",
    name: "milepost_store_link",
    help: "1 while the link to the store works: it is connected, messages come back, and writes are taken; none without a store.",
    unit: "1",
    label: "part",
    values: ["connected", "bus", "writes"],
  },
  storeOutage: {
    kind: "gauge",
    name: "milepost_store_outage_seconds",
    help: "Time since the store was lost; 0 while it is available.",
    unit: "s",
  },
  storeMemory: {
    kind: "gauges",
    name: "milepost_redis_memory_bytes",
    help: "Memory of the fullest Redis server as its INFO reports it: what is used, and maxmemory (0 for none).",
    unit: "bytes",
    label: "part",
    values: ["used", "max"],
  },
  dataBytes: {
    kind: "gauges",
    name: "milepost_data_bytes",
    help: "Sizes of the data folder: its file, what is free in it, its write-ahead log, and what the file may have (dataMaxBytes).",
    unit: "bytes",
    label: "part",
    values: ["file", "free", "wal", "max"],
  },
  dataWrites: {
    kind: "counter",
    name: "milepost_data_writes_total",
    help: "Writes to the data folder, such as appends and acks, in the transactions that were committed.",
    unit: "writes",
  },
  dataCommitTime: {
    kind: "histogram",
    name: "milepost_data_commit_milliseconds",
    help: "Time that each commit of a transaction to the data folder kept the event loop.",
    unit: "ms",
    buckets: dataBuckets,
  },
  dataSyncTime: {
    kind: "histogram",
    name: "milepost_data_sync_milliseconds",
    help: "Time of each sync of the write-ahead log, beside the event loop; none with the durability normal.",
    unit: "ms",
    buckets: dataBuckets,
  },
  dataCheckpointTime: {
    kind: "histogram",
    name: "milepost_data_checkpoint_milliseconds",
    help: "Time of each checkpoint, which copies the write-ahead log into the file.",
    unit: "ms",
    buckets: dataBuckets,
  },
  dataRefusals: {
    kind: "counter",
    name: "milepost_data_refusals_total",
    help: "Writes that the data folder refused: it has the bytes that it may have, or its disk does not take them.",
    unit: "writes",
    labels: [["reason", ["full", "fault"]]],
  },
  storeCalls: {
    kind: "counter",
    name: "milepost_store_calls_total",
    help: "Calls of scripts of the store, by script and result.",
    unit: "calls",
    labels: [
      ["script", { most: maxScripts }],
      ["result", ["ok", "failed"]],
    ],
  },
  storeCallTime: {
    kind: "histogram",
    name: "milepost_store_call_milliseconds",
    help: "Time from each call of the store until it was answered.",
    unit: "ms",
    buckets: [0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000],
  },
  channels: {
    kind: "gauge",
    name: "milepost_channels",
    help: "Channels with subscribers on this node.",
    unit: "channels",
  },
  pendingSubscriptions: {
    kind: "gauge",
    name: "milepost_pending_subscriptions",
    help: "Subscriptions on this node that wait for their operation.",
    unit: "subscriptions",
  },
  spooledPublishes: {
    kind: "gauge",
    name: "milepost_spooled_publishes",
    help: "Publishes that wait for the store.",
    unit: "publishes",
  },
  waitingPublishBytes: {
    kind: "gauge",
    name: "milepost_waiting_publish_bytes",
    help: "Approximate bytes of large publishes that wait for their turn to be sent to the store.",
    unit: "bytes",
  },
  storeFull: {
    kind: "gauge",
    name: "milepost_store_full",
    help: "1 while the store refuses writes because its memory is full, otherwise 0.",
    unit: "stores",
  },
  memoryBytes: {
    kind: "gauge",
    name: "milepost_log_memory_bytes",
    help: "Approximate bytes that the logs of channels take in the memory of this node.",
    unit: "bytes",
  },
  trimmedEntries: {
    kind: "counter",
    name: "milepost_trimmed_entries_total",
    help: "Entries that logs dropped at this node, by the bound that they exceeded, or compacted; over Redis without those that became too old.",
    unit: "entries",
    labels: [["reason", ["entries", "bytes", "age", "budget", "compacted"]]],
  },
  reached: {
    kind: "counter",
    name: "milepost_reach_attempts_total",
    help: "Attempts to tell users who are away, by way and by outcome.",
    unit: "attempts",
    labels: [
      ["way", ["push", "webhook"]],
      ["outcome", ["sent", "gone", "later", "refused"]],
    ],
  },
  reachSkipped: {
    kind: "counter",
    name: "milepost_reach_skipped_total",
    help: "Things of which no target was told because a page of the user was visible.",
    unit: "things",
  },
  budgets: {
    kind: "counter",
    name: "milepost_budgets_total",
    help: "Budgets of operations that were passed, and what people decided: extended or stopped.",
    unit: "budgets",
    labels: [["phase", ["passed", "extended", "stopped"]]],
  },
  connectionsOpened: {
    kind: "counter",
    name: "milepost_connections_opened_total",
    help: "Connections that were attached, before their credential was verified.",
    unit: "connections",
    labels: [["consumer", consumerKinds]],
  },
  connectionsClosed: {
    kind: "counter",
    name: "milepost_connections_closed_total",
    help: "Connections that ended, by the class of the gateway's close code; none where the peer or the network ended it.",
    unit: "connections",
    labels: [
      ["consumer", consumerKinds],
      ["code", ["1xxx", "4xxx", "none"]],
    ],
  },
  closes: {
    kind: "counter",
    name: "milepost_closes_total",
    help: "Connections that this node closed, by the close code that it sent.",
    unit: "connections",
    labels: [["code", Object.keys(closeCodes) as readonly `${CloseCode}`[]]],
  },
  heartbeatFailures: {
    kind: "counter",
    name: "milepost_heartbeat_failures_total",
    help: "Connections that this node closed because nothing came from their peer any more.",
    unit: "connections",
  },
  connectionsRefused: {
    kind: "counter",
    name: "milepost_connections_refused_total",
    help: "Connections and sockets that were refused or dropped for a number, by the limit that was reached.",
    unit: "connections",
    labels: [
      [
        "reason",
        [
          "node",
          "user",
          "session",
          "service",
          "address",
          "unauthenticated",
          "unauthenticated_address",
        ],
      ],
    ],
  },
  answersCut: {
    kind: "counter",
    name: "milepost_answers_cut_total",
    help: "HTTP answers that were cut because nobody read them: their time, their token or the bytes of all were over.",
    unit: "answers",
    labels: [["reason", ["time", "token", "bytes"]]],
  },
  unauthenticatedSockets: {
    kind: "gauge",
    name: "milepost_unauthenticated_sockets",
    help: "Sockets at this node without a verified credential.",
    unit: "sockets",
  },
  publicationsAccepted: {
    kind: "counter",
    name: "milepost_publications_accepted_total",
    help: "Publications that were accepted: stored, or kept locally without the store; a repeated key counts once.",
    unit: "publications",
  },
  publicationsRefused: {
    kind: "counter",
    name: "milepost_publications_refused_total",
    help: "Publishes that were answered with an error, by its code.",
    unit: "publishes",
    labels: [["code", Object.keys(errorCodes) as readonly ErrorCode[]]],
  },
  questionsAsked: {
    kind: "counter",
    name: "milepost_questions_asked_total",
    help: "Questions that operations have asked people at this node; asking again with a key counts once.",
    unit: "questions",
  },
  questionsSettled: {
    kind: "counter",
    name: "milepost_questions_settled_total",
    help: "Questions that ended at this node: answered by a person or by default, expired, or withdrawn.",
    unit: "questions",
    labels: [["outcome", ["answered", "default", "expired", "withdrawn"]]],
  },
  signaturesRefused: {
    kind: "counter",
    name: "milepost_signatures_refused_total",
    help: "Requests and publishes that were refused for their signature: missing, wrong, stale, or its nonce was used.",
    unit: "requests",
    labels: [["fault", signatureFaults]],
  },
  deliveries: {
    kind: "counter",
    name: "milepost_deliveries_total",
    help: "Live entries handed to subscribers: for each batch, its entries times the subscribers of the channel.",
    unit: "entries",
  },
  messagesSent: {
    kind: "counter",
    name: "milepost_messages_sent_total",
    help: "Messages to clients: live entries, replies, notices and all others, without replayed entries.",
    unit: "messages",
  },
  framesReceived: {
    kind: "counter",
    name: "milepost_frames_received_total",
    help: "Frames that clients sent; a frame has one message or several.",
    unit: "frames",
  },
  bytesSent: {
    kind: "counter",
    name: "milepost_sent_bytes_total",
    help: "Bytes written to clients, before compression and TLS.",
    unit: "bytes",
  },
  bytesReceived: {
    kind: "counter",
    name: "milepost_received_bytes_total",
    help: "Size of these frames: bytes of binary ones, UTF-16 code units of text.",
    unit: "bytes",
  },
  publishToSocket: {
    kind: "histogram",
    name: "milepost_publish_to_socket_milliseconds",
    help: "Time from the append of an entry until it was written to the last subscriber of its tick; one sample per tick, slow subscribers excepted.",
    unit: "ms",
    buckets: latencyBuckets,
  },
  publishToClient: {
    kind: "histogram",
    name: "milepost_publish_to_client_milliseconds",
    help: "Time from the append of an entry until it reached the page, as clients that agreed to it report it; nobody checks what they measured.",
    unit: "ms",
    buckets: latencyBuckets,
  },
  latencySamplesRefused: {
    kind: "counter",
    name: "milepost_latency_samples_refused_total",
    help: "Ages of entries that clients reported and that were not counted: too many, longer than the connection exists, or from one that does not last.",
    unit: "ages",
    labels: [["reason", ["rate", "impossible", "passing"]]],
  },
  resets: {
    kind: "counter",
    name: "milepost_resets_total",
    help: "Resets that subscribers were sent, by reason.",
    unit: "resets",
    labels: [["reason", gapReasons]],
  },
  gaps: {
    kind: "counter",
    name: "milepost_gaps_total",
    help: "Gaps that subscribers were sent, by reason.",
    unit: "gaps",
    labels: [["reason", gapReasons]],
  },
  resumes: {
    kind: "counter",
    name: "milepost_resumes_total",
    help: "Subscriptions that resumed at a position: recovered, or the reason why not.",
    unit: "subscriptions",
    labels: [["verdict", ["recovered", ...gapReasons]]],
  },
  sendQueueOverflows: {
    kind: "counter",
    name: "milepost_send_queue_overflows_total",
    help: "Connections whose peer read too slowly, so that their send queue overflowed.",
    unit: "connections",
  },
  mergedEntries: {
    kind: "counter",
    name: "milepost_merged_entries_total",
    help: "Entries that merging removed while they waited for a subscriber.",
    unit: "entries",
  },
  rateLimits: {
    kind: "counter",
    name: "milepost_rate_limits_total",
    help: "Times that traffic reached a limit, by whose limit it was and what it counts.",
    unit: "times",
    labels: [
      ["scope", trafficScopes],
      ["kind", trafficKinds],
    ],
  },
  compactions: {
    kind: "counter",
    name: "milepost_compactions_total",
    help: "Compactions of logs at this node, by whether they were done or failed and left the log as it was.",
    unit: "compactions",
    labels: [["result", ["done", "failed"]]],
  },
  publishRateLimits: {
    kind: "counter",
    name: "milepost_publish_rate_limits_total",
    help: "Publishes that the rate of a rule refused, by whether the channel or the publisher had reached it.",
    unit: "publishes",
    labels: [["scope", ["channel", "principal"]]],
  },
  rateLimitActions: {
    kind: "counter",
    name: "milepost_rate_limit_actions_total",
    help: "What was done to clients over a limit: not read for a while, messages refused, or connections closed.",
    unit: "actions",
    labels: [["action", ["paused", "refused", "closed"]]],
  },
  storeOutages: {
    kind: "counter",
    name: "milepost_store_outages_total",
    help: "Store outages that connections were notified of.",
    unit: "outages",
  },
  operationsCreated: {
    kind: "counter",
    name: "milepost_operations_created_total",
    help: "Operations created; a repeated create counts once.",
    unit: "operations",
  },
  operationStatuses: {
    kind: "counter",
    name: "milepost_operation_statuses_total",
    help: "Operations that entered a status through this node, by their kind.",
    unit: "operations",
    labels: [
      ["kind", { most: maxKinds }],
      ["status", operationStatuses],
    ],
  },
  commands: {
    kind: "counter",
    name: "milepost_commands_total",
    help: "Commands to operations that entered a phase through this node.",
    unit: "commands",
    labels: [["phase", Object.keys(commandTransitions) as (keyof typeof commandTransitions)[]]],
  },
  commandAnswers: {
    kind: "histogram",
    name: "milepost_command_answer_milliseconds",
    help: "Time from the request of a command until its producer first reported on it.",
    unit: "ms",
    buckets: latencyBuckets,
  },
  commandEnds: {
    kind: "histogram",
    name: "milepost_command_end_milliseconds",
    help: "Time from the request of a command until its last phase.",
    unit: "ms",
    buckets: latencyBuckets,
  },
  operationsStalled: {
    kind: "counter",
    name: "milepost_operations_stalled_total",
    help: "Operations that this node marked stalled, because their producer's lease expired.",
    unit: "operations",
  },
  operationsLost: {
    kind: "counter",
    name: "milepost_operations_lost_total",
    help: "Operations that this node marked lost, because their producer stayed silent.",
    unit: "operations",
  },
  estimatesTold: {
    kind: "counter",
    name: "milepost_estimates_told_total",
    help: "Estimates of the time left whose truth is known, because their operation is done.",
    unit: "estimates",
  },
  estimateOutcomes: {
    kind: "counter",
    name: "milepost_estimate_outcomes_total",
    help: "The same estimates by where the truth lay: below the p50 (nominally half), from there to the p90 (0.4), or above.",
    unit: "estimates",
    labels: [["outcome", ["below_p50", "inside", "above_p90"]]],
  },
  calibration: {
    kind: "counter",
    name: "milepost_estimate_outcomes_by_kind_total",
    help: "The outcomes of estimates by kind of operation, to see whose estimates are off; all kinds beyond 50 are other.",
    unit: "estimates",
    labels: [
      ["kind", { most: maxKinds }],
      ["outcome", ["below_p50", "inside", "above_p90"]],
    ],
  },
  operationInputs: {
    kind: "counter",
    name: "milepost_operation_inputs_total",
    help: "Messages to operations: stored (queued), or refused because too many wait, the operation is busy, or it has ended.",
    unit: "messages",
    labels: [["outcome", ["queued", "full", "busy", "ended"]]],
  },
  operationSummaryRetries: {
    kind: "counter",
    name: "milepost_operation_summary_retries_total",
    help: "Attempts to publish the summaries of an operation to the channels that it belongs to that failed and are retried.",
    unit: "attempts",
  },
  queueTickets: {
    kind: "counter",
    name: "milepost_queue_tickets_total",
    help: "Tickets of queues that entered a state at this node; returned ones wait again after their worker died or gave them back.",
    unit: "tickets",
    labels: [["state", ["waiting", "running", "finished", "failed", "left", "gone", "returned"]]],
  },
  queueWaits: {
    kind: "histogram",
    name: "milepost_queue_wait_milliseconds",
    help: "Time from the join of a ticket to its first claim.",
    unit: "ms",
    buckets: queueBuckets,
  },
  queueServices: {
    kind: "histogram",
    name: "milepost_queue_service_milliseconds",
    help: "Time from the claim of a ticket until it was finished.",
    unit: "ms",
    buckets: queueBuckets,
  },
  queueEstimates: {
    kind: "counter",
    name: "milepost_queue_estimates_total",
    help: "Tickets for which a wait was estimated when they joined.",
    unit: "tickets",
  },
  queueOutcomes: {
    kind: "counter",
    name: "milepost_queue_estimate_outcomes_total",
    help: "Waits that were estimated and came out at the same node, by queue and by where they lay; all queues beyond 50 are other.",
    unit: "tickets",
    labels: [
      ["queue", { most: maxKinds }],
      ["outcome", ["below_p50", "inside", "above_p90"]],
    ],
  },
  queuePositionsPushed: {
    kind: "counter",
    name: "milepost_queue_positions_pushed_total",
    help: "Positions that this node pushed to the people of waiting tickets.",
    unit: "positions",
  },
  queueTicketsWatched: {
    kind: "gauge",
    name: "milepost_queue_tickets_watched",
    help: "Tickets whose people are connected to this node.",
    unit: "tickets",
  },
  keySetFetches: {
    kind: "counter",
    name: "milepost_key_set_fetches_total",
    help: "Fetches of the key sets of token issuers, by result.",
    unit: "fetches",
    labels: [["result", ["fetched", "failed"]]],
  },
  sessionChecks: {
    kind: "counter",
    name: "milepost_session_checks_total",
    help: "Look-ups of sessions that must be registered, by outcome.",
    unit: "sessions",
    labels: [["outcome", ["valid", "refused", "unavailable"]]],
  },
  inboxItems: {
    kind: "counter",
    name: "milepost_inbox_items_total",
    help: "Items put into inboxes of users and roles by their sender, by kind.",
    unit: "items",
    labels: [["kind", ["notification", "question"]]],
  },
  digests: {
    kind: "counter",
    name: "milepost_digests_total",
    help: "Digests folded for users who have come back, by whether they reach back to the last position.",
    unit: "digests",
    labels: [["reach", ["whole", "cut"]]],
  },
  inboxReturns: {
    kind: "counter",
    name: "milepost_inbox_returns_total",
    help: "Items that came back from their snooze.",
    unit: "items",
  },
  deadLettersWritten: {
    kind: "counter",
    name: "milepost_dead_letters_written_total",
    help: "Dead letters written, including those that replaced an earlier one of the same source.",
    unit: "dead letters",
  },
} as const satisfies Readonly<Record<string, InstrumentRow>>;

/** Instruments of a node. */
export type CoreInstruments = InstrumentsOf<typeof coreInstruments>;

/** Instruments of the parts that refuse connections before the core has them. */
export type AdmissionMetrics = Pick<
  CoreInstruments,
  "answersCut" | "unauthenticatedSockets" | "keySetFetches"
>;

/** Instruments that record nothing. */
export const noInstruments: CoreInstruments = createInstruments(noMeter, coreInstruments, () => {});

/**
 * Returns the value of the label `code` of `connectionsClosed` for a close code: its class, or `none` where the
 * gateway sent no close code.
 */
export function closeClassOf(code: CloseCode | undefined): "1xxx" | "4xxx" | "none" {
  if (code === undefined) return "none";
  return code < 4_000 ? "1xxx" : "4xxx";
}
