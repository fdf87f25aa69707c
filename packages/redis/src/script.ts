import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** A script that Redis runs as one atomic step. */
export interface Script {
  readonly name: string;
  readonly text: string;
  /** SHA-1 digest by which EVALSHA calls the script. */
  readonly sha: string;
}

function script(name: string, ...shared: readonly string[]): Script {
  const text = [...shared, name]
    .map((part) => readFileSync(new URL(`../lua/${part}.lua`, import.meta.url), "utf8"))
    .join("\n");
  return { name, text, sha: createHash("sha1").update(text).digest("hex") };
}

/** All scripts, read once from `lua/`. */
export const scripts = {
  append: script("append", "log"),
  read: script("read", "small", "log", "log-pages"),
  canary: script("canary"),
  snapshot: script("snapshot", "small", "log", "log-pages"),
  checkpoint: script("checkpoint", "log"),
  find: script("find", "log"),
  lease: script("lease", "small"),
  durationAdd: script("duration-add", "lifetime"),
  durationGet: script("duration-get"),
  hold: script("hold", "lifetime"),
  inboxPut: script("inbox-put", "lifetime", "inbox"),
  inboxClose: script("inbox-close", "lifetime", "inbox"),
  inboxMark: script("inbox-mark", "lifetime", "inbox"),
  inboxList: script("inbox-list", "lifetime", "inbox"),
  inboxGet: script("inbox-get"),
  inboxWake: script("inbox-wake", "lifetime", "inbox"),
  inboxSettle: script("inbox-settle", "lifetime", "inbox"),
  inboxDue: script("inbox-due"),
  inboxRoles: script("inbox-roles"),
  inboxEnrol: script("inbox-enrol", "lifetime"),
  inboxMembers: script("inbox-members"),
  inboxSee: script("inbox-see"),
  operationPut: script("operation-put", "lifetime", "operations"),
  operationGet: script("operation-get", "operations"),
  operationPage: script("operation-page", "lifetime", "operations"),
  operationDue: script("operation-due"),
  operationRemove: script("operation-remove", "lifetime", "operations"),
  operationChanges: script("operation-changes", "lifetime", "operations"),
  questionAdd: script("question-add", "lifetime", "questions"),
  questionChange: script("question-change", "lifetime", "questions"),
  questionSchedule: script("question-schedule", "lifetime", "questions"),
  questionGet: script("question-get", "questions"),
  questionList: script("question-list", "questions"),
  letterPut: script("letter-put", "lifetime", "letters"),
  letterGet: script("letter-get", "letters"),
  letterPage: script("letter-page", "letters"),
  letterRemove: script("letter-remove", "lifetime", "letters"),
  letterCount: script("letter-count", "letters"),
  deliveryAdd: script("delivery-add", "lifetime", "deliveries"),
  deliveryTake: script("delivery-take", "small", "lifetime", "deliveries"),
  deliverySettle: script("delivery-settle", "lifetime", "deliveries"),
  deliveryList: script("delivery-list", "deliveries"),
  deliveryHasten: script("delivery-hasten", "lifetime", "deliveries"),
  deliveryCount: script("delivery-count", "deliveries"),
  target: script("target", "lifetime"),
  durableClaim: script("durable-claim", "small", "lifetime", "durable"),
  durableSave: script("durable-save", "small", "lifetime", "durable"),
  durableLook: script("durable-look", "small", "lifetime", "durable"),
  durableRestore: script("durable-restore", "lifetime", "durable"),
  durableReplay: script("durable-replay", "lifetime", "durable"),
  durableGet: script("durable-get", "lifetime", "durable"),
  presenceUpdate: script("presence-update", "presence"),
  presenceRead: script("presence-read", "presence"),
  signal: script("signal"),
  revocationAdd: script("revocation-add", "lifetime", "revocations"),
  revocationRead: script("revocation-read", "revocations"),
  record: script("record", "lifetime"),
  queueConfigure: script("queue-configure", "lifetime", "queue"),
  queueState: script("queue-state", "lifetime", "queue"),
  queueRemove: script("queue-remove", "lifetime", "queue"),
  queueNames: script("queue-names", "lifetime"),
  queueJoin: script("queue-join", "lifetime", "queue"),
  queueLook: script("queue-look", "lifetime", "queue"),
  queueLeave: script("queue-leave", "lifetime", "queue"),
  queueClaim: script("queue-claim", "lifetime", "queue"),
  queueHold: script("queue-hold", "lifetime", "queue"),
  queueMark: script("queue-mark", "lifetime", "queue"),
  queueSweep: script("queue-sweep", "lifetime", "queue"),
  queueWorker: script("queue-worker", "lifetime", "queue"),
  queueStatistics: script("queue-statistics"),
  singleUse: script("single-use", "lifetime"),
  nodeRefresh: script("node-refresh", "small", "lifetime", "nodes"),
  nodeList: script("node-list", "nodes"),
  nodeDead: script("node-dead"),
  nodeRemove: script("node-remove"),
  connectionsChange: script("connections-change", "small"),
  connectionsPage: script("connections-page"),
  connectionsGet: script("connections-get"),
  ownersChange: script("owners-change"),
  ownersClaim: script("owners-claim"),
  ownerRecount: script("owner-recount"),
  ownerPage: script("owner-page"),
  restoreKey: script("restore-key"),
  prefixUsed: script("prefix-used"),
} as const;
