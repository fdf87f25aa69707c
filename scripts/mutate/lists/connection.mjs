import { faultsIn } from "../faults-in.mjs";

const connection = "packages/core/src/connection";

/** Faults in one client's connection: its life, its messages, its subscriptions. */
export const connectionMutants = [
  ...faultsIn(`${connection}/connection-lifecycle.ts`, [
    [
      "const closeGraceMs = 5_000;",
      "const closeGraceMs = 50_000;",
      "a connection that does not answer its close lives for fifty seconds",
    ],
    [
      "const noticeAheadMs = 60_000;",
      "const noticeAheadMs = 6_000;",
      "a token's end is announced six seconds ahead",
    ],
    [
      "Math.min(noticeAheadMs, left / 2)",
      "noticeAheadMs",
      "a short token's end is announced at once",
    ],
    [
      "now - this.#openedAt >= limits.authTimeoutMs",
      "now - this.#openedAt > limits.authTimeoutMs * 2",
      "a client without a credential stays twice as long",
    ],
    ["now - this.#aliveAt >= limits.idleTimeoutMs", "false", "a silent connection is never closed"],
    [
      "this.#expiresAt <= clock.now()) this.#owner.onExpired();",
      "false) this.#owner.onExpired();",
      "a connection outlives its token",
    ],
    [
      "if (wasRegistered) this.#unregister();\n    this.#owner.onEnd();",
      "this.#owner.onEnd();",
      "a connection that is closing stays in the registry of all nodes",
    ],
    [
      "this.sendQueue.flush();\n    this.sendQueue.close();",
      "this.sendQueue.close();",
      "a connection closes without its last messages",
    ],
    [
      "if (code === undefined) this.#owner.onEnd();",
      "",
      "a connection that breaks off keeps its subscriptions",
    ],
    ["connections.delete(this.#owner);", "", "a connection that has gone is counted for ever"],
    [
      "if (now - this.#pingedAt >= this.#pingIntervalMs) {",
      "if (now - this.#pingedAt >= 2 * limits.pingIntervalMs) {",
      "pings come half as often as announced",
    ],
    [
      "this.#state = { ...state, noticeMs: undefined };",
      "",
      "a token's end is announced again and again",
    ],
    [
      "noticeMs };\n      this.#context.wallClock.begin();",
      "noticeMs };",
      "a clock that is set forward is noticed when the token would have ended",
    ],
    [
      "limits.pingIntervalMs + silenceSlackMs;",
      "silenceSlackMs;",
      "a connection between two pings counts as silent",
    ],
  ]),
  ...faultsIn(`${connection}/connection-registry.ts`, [
    [
      "if (this.#byId.get(id) === client) this.#byId.delete(id);",
      "this.#byId.delete(id);",
      "a predecessor's end forgets the id of its successor",
    ],
    [
      "if (this.#byId.get(id) === client) this.#byId.delete(id);",
      "",
      "connection ids are never forgotten",
    ],
    ["if (this.#isOccupied) return;", "", "a shutdown does not wait for the last connection"],
    ["this.#passing.delete(client);", "", "passing connections are never forgotten"],
  ]),
  ...faultsIn(`${connection}/connection-state.ts`, [
    [
      "open: { verified: undefined, close",
      'open: { verified: "open", close',
      "an open connection opens again",
      "open() is called only from #open, which an open connection never reaches: #authenticate and the constructor both check that it awaits its credential",
    ],
    [
      "closing: { verified: undefined, close: undefined,",
      'closing: { verified: undefined, close: "closing",',
      "a connection closes twice",
    ],
  ]),
  ...faultsIn(`${connection}/submissions.ts`, [
    [
      "const maxInFlight = 256;",
      "const maxInFlight = 25_600;",
      "a client has a hundred times the messages in work",
    ],
    [
      "if (joining !== undefined) return joining.then(work);",
      "",
      "a publish overtakes the subscription in front of it",
    ],
    [
      "if (!this.#owner.isOpen || principal === undefined) return;\n    this.#inFlight++;\n    try {\n      const options",
      "if (principal === undefined) return;\n    this.#inFlight++;\n    try {\n      const options",
      "a publish that waited is done after its connection ended",
    ],
    [
      "if (this.#inFlight < maxInFlight) return undefined;",
      "return undefined;",
      "the messages in work of one client have no bound",
    ],
    [
      "if (!this.#owner.hasJoined(message.channel)) {",
      "if (false) {",
      "a bare client speaks in a chat that it may not read",
    ],
  ]),
  ...faultsIn("packages/core/src/dialects/chat-messages.ts", [
    [
      "given === undefined || given === null || given === own[name]",
      "true",
      "a bare client speaks in the name of another user",
    ],
    [
      "return chats.length === 1",
      "return chats.length >= 1",
      "a bare client in several chats speaks in the first one",
    ],
  ]),
  ...faultsIn("packages/core/src/rules/chat-roles.ts", [
    [
      "if (!Object.hasOwn(assumedRoles, event)) return;",
      "return;",
      "a user speaks as the assistant",
    ],
    [
      'chat_message_chunk: "assistant",',
      'chat_message_chunk: "user",',
      "a chunk without a role passes as the user's and is shown as the assistant's",
    ],
  ]),
  ...faultsIn(`${connection}/connection.ts`, [
    [
      "length > this.#context.limits.maxMessageBytes",
      "length > 10 * this.#context.limits.maxMessageBytes",
      "a frame ten times too large is read",
    ],
    [
      "if (!isVerified && values.value.length !== 1) {",
      "if (false) {",
      "a client sends many messages in one frame before it is known",
    ],
    [
      "    this.#intake?.hold();\n",
      "",
      "messages behind a credential are read before it is verified",
    ],
    [
      "if (!identity.isVerified || !this.isOpen) return;",
      "return;",
      "a revocation does not reach open connections",
    ],
    [
      "      (apply) => apply(),",
      "      () => {},",
      "a subscription outlives the revocation of its grant",
    ],
    [
      "() => this.close(4102, revokedReason),",
      "() => {},",
      "a subscription whose right cannot be checked goes on after a revocation",
    ],
    [
      "this.#context.connections.unname(this.id, this);",
      "",
      "the id of a connection that ended is still taken",
    ],
    [
      "if (!isSamePerson(principal, owner)) return undefined;",
      "",
      "a client takes over the connection of somebody else",
    ],
    [
      'replaced.close(4001, "the connection continues elsewhere");',
      "",
      "two connections have one id",
    ],
    [
      "session !== undefined && session !== principal.session) {\n        this.close",
      "false) {\n        this.close",
      "a token of another session is taken",
    ],
    ["principal.user === person.user &&", "", "a refresh changes the user of a connection"],
    [
      "if (this.#identity.isVerified) this.#identity = { ...this.#identity, principal };",
      "",
      "a refresh keeps the grants of the old token",
    ],
    [
      "this.#life.expireWith(principal);\n      apply();",
      "apply();",
      "a connection ends with its old token after a refresh",
    ],
    [
      "if (left === principal) break;",
      "break;",
      "a refresh brings back what was revoked meanwhile",
    ],
    [
      'this.close(4401, "the first message must be auth");',
      "",
      "a client without a credential may send anything",
    ],
  ]),
  ...faultsIn(`${connection}/welcome.ts`, [
    ["...(outage.isOn ? { degraded: true } : {}),", "", "the welcome hides that the store is away"],
  ]),
  ...faultsIn(`${connection}/personal-channels.ts`, [
    [
      "new Set([...channels, ...(resume?.keys() ?? [])])",
      "channels",
      "a cursor subscribes to nothing",
    ],
    [
      "if (personal !== undefined && channel.startsWith(connectionPrefix)) continue;",
      "",
      "a client that lost its id is refused the channel of its old connection",
    ],
  ]),
  ...faultsIn(`${connection}/connection-id.ts`, [
    [
      "return id === start + proofOf(start, owner);",
      "return true;",
      "anybody keeps the id of a connection, and reads what is sent to it",
    ],
  ]),
  ...faultsIn(`${connection}/inbox.ts`, [
    ["this.#queue.length >= maxQueued ||", "", "any number of messages waits for an answer"],
    [
      "|| this.#queuedLength + length > maxQueuedLength) {",
      ") {",
      "messages of any size wait for an answer",
    ],
    [
      "this.#queue = queue.slice(i);",
      "this.#queue = queue.slice(i + 1);",
      "a message that waits behind a slow one is lost",
    ],
    [
      "if (next === undefined || this.#closed) return;",
      "if (next === undefined) return;",
      "messages are handled after their connection has ended",
    ],
  ]),
  ...faultsIn(`${connection}/subscriptions.ts`, [
    [
      "if (this.size >= maxSubscriptions) {\n      const message",
      "if (this.size > maxSubscriptions) {\n      const message",
      "a connection has one subscription too many",
    ],
    [
      "if (known?.isEnded) this.#forgetEnded(known);\n    else",
      "",
      "a channel that has ended cannot be subscribed to again",
    ],
    [
      "for (const other of this.#list) if (other.isEnded) this.#forgetEnded(other);",
      "",
      "ended channels use up the subscriptions",
    ],
    [
      'access.kind === "refused" || access.kind === "unowned"',
      'access.kind === "unowned"',
      "anyone may subscribe to anything",
    ],
    [
      'if (access.kind === "refused" || (loses && isAsked)) {\n          this.#forbid(subscription);',
      'if (access.kind === "refused" || (loses && isAsked)) {',
      "a narrower token forbids nothing",
    ],
    [
      "const isStarting = !subscription.isDurable && !subscription.isAnswered;",
      "const isStarting = false;",
      "a look-up for the old token decides after a new token",
    ],
    [
      'if (settled !== undefined)\n      return settled.then(() => this.onUnsubscribe({ type: "unsubscribe", id, channel }));',
      "",
      "an unsubscribe overtakes its subscribe",
    ],
    [
      'watcher.leave(this.#connection.isOpen ? "leaves" : "lingers");',
      "",
      "a member whose subscription was withdrawn stays present",
    ],
    [
      'subscription.leave("lingers")',
      "subscription.leave()",
      "a member leaves at once when its connection breaks",
    ],
    [
      "if (channel === but || isDurable || position === undefined) continue;",
      "if (channel === but || position === undefined) continue;",
      "the cursor carries durable subscriptions",
    ],
    [
      "|| this.size > 2) return;",
      ") return;",
      "a plain connection with many channels regroups them all",
      "with more than two channels no subscription of a plain connection shares bytes, so regrouping puts each back where it was",
    ],
    [
      "if (as !== undefined && !isNamed) {",
      "if (false) {",
      "a token without a name has a durable subscription",
    ],
  ]),
  ...faultsIn(`${connection}/subscription.ts`, [
    [
      'this.presence?.leave("leaves");\n    this.presence = undefined;\n    if (this.#phase',
      "if (this.#phase",
      "a client that waits for an operation stays present in the channel",
    ],
    [
      "events.has(event) || event === endEvent",
      "events.has(event)",
      "a subscriber of some events misses the end",
    ],
    ["this.#connection.sendQueue.settle(this);", "", "a gap overtakes the entries that wait"],
    [
      "this.#summary?.settle();\n    this.#summary?.close();",
      "this.#summary?.close();",
      "the last summary before an end is lost",
    ],
    [
      "this.#connection.sendQueue.drop(this);\n    this.#settle();",
      "this.#settle();",
      "entries arrive after an unsubscribe",
    ],
    [
      "if (waitsAfter !== undefined) return waitsAfter;",
      "",
      "a cursor passes entries that still wait to be sent",
    ],
  ]),
  ...faultsIn(`${connection}/summary.ts`, [
    ["if (bytes <= maxBytes) return;", "return;", "waiting summaries have no bound"],
    ["this.#budget.bytes += bytes - this.#bytes;", "", "waiting summaries are not counted"],
    [
      "if (this.#queue === undefined) return;\n    this.#begin();",
      "if (this.#queue === undefined) return;",
      "the second summary comes at once",
    ],
  ]),
  ...faultsIn(`${connection}/durable-subscription.ts`, [
    [
      'if ((take(reply) ?? "unknown") !== "unknown") return;',
      "take(reply);\n    return;",
      "an ack of something that was never delivered is taken",
    ],
    ["this.#isEnded = true;", "", "a durable subscription stays after the end of its channel"],
  ]),
  ...faultsIn(`${connection}/upstream-replies.ts`, [
    ["if (waiting?.length === 0) this.#waiting.delete(id);", "", "answered ids are kept for ever"],
    [
      "const answer = waiting?.shift();",
      "const answer = waiting?.pop();",
      "two messages with one id get each other's replies",
    ],
  ]),
  ...faultsIn(`${connection}/upstream.ts`, [
    [
      "owner !== undefined && isSamePerson(principal, owner) ? connection",
      "true ? connection",
      "a user sends into the stream of another one",
    ],
    ["if (live === undefined) connection.abandon();", "", "a passing connection is never let go"],
    ["length: frame.length / count", "length: 0", "messages sent upstream count as empty"],
    [
      "if (connection !== undefined) connection.charge(count, frame.length);",
      "if (connection !== undefined) connection.charge(1, frame.length);",
      "a frame sent upstream counts as one message",
    ],
  ]),
  ...faultsIn("packages/core/src/connection/inbox.ts", [
    [
      "!this.#waiting && !this.#owner.hasTurn(next.message)",
      "false",
      "messages that waited are all handled in one turn",
    ],
  ]),
  ...faultsIn("packages/core/src/connection/intake.ts", [
    ["this.#each = length / values.length;", "this.#each = 0;", "waiting messages count as empty"],
    [
      "const maxPauseMs = 5_000;",
      "const maxPauseMs = 60_000;",
      "a client is not read for a minute",
    ],
    [
      "const refuseAfterMs = 5_000;",
      "const refuseAfterMs = 50_000;",
      "a client over its limit is not told",
    ],
    [
      "const closeAfterMs = 8_000;",
      "const closeAfterMs = 80_000;",
      "a client over its limit is never disconnected",
    ],
    [
      "this.#strainMs - (now - this.#strainAt)",
      "this.#strainMs",
      "time below the limit does not count back",
    ],
    [
      'if (shortage.scope !== "node") this.#strainMs',
      "this.#strainMs",
      "clients are disconnected because their node is busy",
    ],
    ["    this.#owner.onAlive();\n", "", "a client that is not read counts as dead"],
    [
      'type === "publish" ||',
      'type === "ping" || type === "auth" || type === "publish" ||',
      "a client over its limit loses its renewed token",
    ],
    [
      "if (!this.#owner.isUnlimited) traffic.add",
      "if (this.#owner.isUnlimited) traffic.add",
      "answers cost a client nothing",
    ],
  ]),
  ...faultsIn("packages/core/src/limits/turns.ts", [
    [
      "const unitsPerTurn = 16;",
      "const unitsPerTurn = 16_000;",
      "one client has a thousand messages handled before others",
    ],
  ]),
  ...faultsIn("packages/core/src/limits/usage.ts", [
    [
      "const maxDebtMs = 2_000;",
      "const maxDebtMs = 200_000;",
      "one large replay disconnects its reader",
    ],
  ]),
  ...faultsIn("packages/core/src/limits/bucket-table.ts", [
    [
      "if (value.isFresh(now)) this.#values.delete(name);",
      "this.#values.delete(name);",
      "a bucket is forgotten while it is in use",
    ],
    [
      "if (this.#values.size >= this.#size) return this.#sharedBy(name);",
      "",
      "clients make as many buckets as they like",
    ],
  ]),
  ...faultsIn("packages/core/src/limits/connection-slots.ts", [
    [
      "(this.#counts[kind].get(id) ?? 0) - freed >= limit",
      "(this.#counts[kind].get(id) ?? 0) - freed > limit",
      "an owner has one connection more than its number",
    ],
    [
      "if (!probe.enter()) return owner;",
      "probe.enter();",
      "any number of connects wait for one user",
    ],
    [
      "if (outage.isOn) return undefined;",
      "",
      "a connect asks the store although it is known to be away",
    ],
    ["this.#probes.delete(key);\n", "", "the connections of an owner are probed only once"],
  ]),
  ...faultsIn("packages/core/src/limits/connection-probe.ts", [
    [
      "connection.isOpen && !connection.isAliveSince(since)",
      "connection.isOpen",
      "a probe drops connections that are alive",
    ],
    [
      " && probed.some(isSilent)",
      "",
      "a connection too many waits for two seconds although all others have answered",
    ],
    [
      "connection.abandon();",
      "",
      "a connection whose peer is gone is kept until its close times out",
    ],
  ]),
];
