import { faultsIn } from "../faults-in.mjs";

const core = "packages/core/src";

/** Faults in the rest of the core: the cluster, rules, requests, dead letters, presence, the store's outages. */
export const coreMutants = [
  ...faultsIn("packages/core/src/node/reconnect-span.ts", [
    [
      "const min = minReconnectMs + Math.floor((spread * index) / count);",
      "const min = minReconnectMs;",
      "all clients of a node that shuts down may come back at once",
    ],
  ]),
  ...faultsIn("packages/core/src/node/shutdown.ts", [
    [
      "return Math.min(most, Math.max(1, Math.ceil(open / closedAtOnce)));",
      "return 1;",
      "all connections that stay are closed in one moment",
    ],
  ]),
  ...faultsIn(`${core}/digest/digest-service.ts`, [
    ["entries.filter(({ ts }) => ts > since)", "entries", "a digest counts what was seen before"],
    [
      "const from = known?.offset ?? 0;",
      "const from = 0;",
      "the position of a channel does not keep its entries from being counted again",
    ],
    [
      "return { ...(await read(0, pageEntries)), isCut: true };",
      "return { ...(await read(0, pageEntries)), isCut: false };",
      "a log that has begun anew passes for complete",
    ],
    [
      "const isCut = start.isCut || last < head.offset;",
      "const isCut = start.isCut;",
      "a digest that has read only a part of a log passes for complete",
    ],
    [
      "changed.length > shown.length ||",
      "",
      "a digest that has left out operations passes for complete",
    ],
    ["!reachesBack ||", "", "a digest of more than a day passes for complete"],
    [
      "else if (principal.user !== user) {",
      'else if (user === "") {',
      "a user reads the digest of another one",
    ],
    [
      "const { seen: report } = await this.#foldLogs(user, { ...seen, at: until - skewMs }, until);",
      "const report = { at: until - skewMs };",
      "what happened right before the first visit is counted at the second one",
    ],
  ]),
  ...faultsIn(`${core}/digest/digest-input.ts`, [
    ["Math.min(read.at, now)", "read.at", "a position in the future hides what is to come"],
    [
      "if (channel !== own && !isOperation) {",
      'if (channel === "") {',
      "a user keeps positions of channels of others",
    ],
  ]),
  ...faultsIn(`${core}/digest/digest-fold.ts`, [
    [
      "this.#steps.add(`${this.#attempt} ${data.id}`)",
      "this.#steps.add(`${this.#steps.size}`)",
      "a step that is reported as done twice counts twice",
    ],
  ]),
  ...faultsIn(`${core}/channels/encrypted-data.ts`, [
    [
      'return isEnvelope(value) && typeof readEnvelope(value) !== "string";',
      "return isEnvelope(value);",
      "plain text with the mark of an envelope passes for encrypted",
    ],
    [
      "if (changes(projection, event, data) || !changes(projection, event, readable)) return;",
      "return;",
      "a state silently leaves out what is encrypted",
    ],
  ]),
  ...faultsIn(`${core}/signatures/signatures.ts`, [
    [
      "if (!(Math.abs(aheadMs) <= toleranceMs)) {",
      "if (aheadMs > toleranceMs) {",
      "a recorded request can be sent again for ever",
    ],
    [
      "if (await this.#parts.singleUse.claim(`nonce ${signer}`, nonce, ttlMs)) return;",
      "return;",
      "a signed request can be sent again within five minutes",
    ],
    ["signing?.isRequired !== true || readOnly.has(method)", "true", "no API key has to sign"],
    [
      "if (keyHash !== expected) {",
      "if (false) {",
      "the dedupe key of a signed publish can be changed",
    ],
  ]),
  ...faultsIn(`${core}/cluster/revocation-cache.ts`, [
    [
      "principal.issuedAt <= at;",
      "principal.issuedAt < at;",
      "a token that was issued in the very second of its revocation stays valid",
    ],
    ["if (until <= now) return false;", "", "a revocation outlives its time"],
    [
      "|| principal.issuedAt === undefined ||",
      "|| (principal.issuedAt !== undefined) &&",
      "a token without a time of issue cannot be revoked",
    ],
    ["until >= revocation.until &&", "", "a longer revocation is covered by a shorter one"],
    ["at >= revocation.at &&", "", "a later revocation is covered by an earlier one"],
    [
      "if (this.#reading !== undefined) this.#again = true;",
      "",
      "a revocation that arrives during a read waits for the next one",
    ],
    [
      "narrowed = without(narrowed, grants);",
      "narrowed = without(principal, grants);",
      "the second of two narrowing revocations undoes the first",
    ],
  ]),
  ...faultsIn(`${core}/rules/bound-data.ts`, [
    [
      "if (found !== undefined && isBound) continue;",
      "if (found !== undefined) continue;",
      "a publisher names anybody in its data",
    ],
    [
      'if (loss !== undefined) throw new MilepostError("bad_message", loss);',
      "",
      "a bound field is there twice",
    ],
  ]),
  ...faultsIn(`${core}/feed/feed-connection.ts`, [
    ["      this.#life.onShown();\n", "", "a feed that shows documents is closed for inactivity"],
  ]),
  ...faultsIn(`${core}/rules/bound-ids.ts`, [
    ["if (id !== undefined && id !== text) {", "if (false) {", "an event has two ids"],
    ["if (isEnvelope(data)) {", "if (false) {", "encrypted data hide the id of another author"],
    [
      'return id?.startsWith("@") ? undefined : { id, anyOwner: true };',
      "return { id, anyOwner: true };",
      "a service takes the id of a message before it is written",
    ],
  ]),
  ...faultsIn(`${core}/store/stale-reads.ts`, [
    [
      "if (stale === true) throw new NotHeld();",
      "",
      "a node without its store denies a position that it cannot judge",
    ],
    [
      "if (snapshot.stale === true && lacksState) throw new NotHeld();",
      "",
      "a node without its store answers without the state",
    ],
    [
      "if (Math.max(0, afterOffset) + 1 < floor.offset) throw new NotHeld(floor.offset);",
      "",
      "a node without its store answers with some of the entries that were asked for",
    ],
  ]),
  ...faultsIn(`${core}/store/shown-entries.ts`, [
    [
      "numberIn(tag) <= shown.upTo",
      "numberIn(tag) < shown.upTo",
      "the last entry that was shown during an outage is shown again",
    ],
  ]),
  ...faultsIn(`${core}/channels/later-appends.ts`, [
    [
      "if (!spool.enter(length)) throw noRoom(name);",
      "",
      "entries that were shown and wait for the store have no bound",
    ],
    [
      "return this.#queues.isBusy(name) ? this.#queues.run(name, append) : append();",
      "return append();",
      "a publish after an outage overtakes those that were shown in it",
    ],
  ]),
  ...faultsIn(`${core}/store/shown-publishers.ts`, [
    [
      "if (entry.publisher === undefined || policy.showsPublisher === true) return entry;",
      "return entry;",
      "readers learn publishers that their rule does not show",
    ],
  ]),
  ...faultsIn(`${core}/sessions/session-service.ts`, [
    [
      "const matches = found?.record.digest === digest(parts.secret);",
      "const matches = found !== undefined;",
      "the public id of a session and any secret open its feed",
    ],
    [
      "return isOf(found.record.user, user) ? found.endsAt : undefined;",
      "return found.endsAt;",
      "a user has the session of another one",
    ],
    [
      "await this.#context.connections.revoke(principal, { session: id });",
      "",
      "the end of a session leaves its connections open",
    ],
  ]),
  ...faultsIn(`${core}/connection/session-end.ts`, [
    [
      "const at = Math.min(sessionEndsAt + graceMs, expiresAt);",
      "const at = Number.POSITIVE_INFINITY;",
      "a connection outlives its session while the store is away",
    ],
    [
      "holder.keepSession({ ...current, sessionEndsAt });",
      "",
      "a session that was extended ends with its first end",
    ],
  ]),
  ...faultsIn(`${core}/tickets/ticket-service.ts`, [
    [
      "kept.value.slice(0, at) !== stream",
      "false",
      "the ticket of a stream opens any other stream",
    ],
    [
      'const taken = await records.take("ticket", ticket);',
      'const taken = await records.get("ticket", ticket);',
      "a ticket works any number of times",
    ],
  ]),
  ...faultsIn(`${core}/cluster/admission.ts`, [
    [
      "if (this.#revocations.isKnown) return",
      "return",
      "a node that has just started admits revoked tokens",
    ],
  ]),
  ...faultsIn(`${core}/cluster/maintenance-loop.ts`, [
    [
      "const sweepLeaseMs = 8_000;",
      "const sweepLeaseMs = 80_000;",
      "after a crash, the work of the cluster waits ten times too long for a new node",
    ],
    ["this.#token = lease?.token;", "", "a node that sweeps asks for the lease anew each time"],
    [
      "if (this.#token !== undefined) await this.#leases.release(sweepLease, this.#token);",
      "",
      "after a stop, the work of the cluster waits for the lease to expire",
    ],
    [
      "const heartbeatMs = 2_000;",
      "const heartbeatMs = 20_000;",
      "a node refreshes itself less often than it expires",
    ],
    [
      "this.#sweeping ??= this.#sweep();",
      "this.#sweeping = this.#sweep();",
      "a sweep that takes long runs beside the next one",
    ],
  ]),
  ...faultsIn(`${core}/cluster/connection-registration.ts`, [
    [
      "const nodeTtlMs = 10_000;",
      "const nodeTtlMs = 100_000;",
      "a dead node is listed for a hundred seconds",
    ],
    [
      "this.#leaving.delete(registered.id);",
      "",
      "a connection that came back is removed from the registry",
    ],
    [
      "this.#entering.delete(registered.id);",
      "",
      "a connection that left at once stays in the registry",
    ],
    [
      "await registry.leave(id);\n      return this.refresh();",
      "return this.refresh();",
      "the old name of a node is listed beside the new one",
    ],
    [
      "this.#giveBack(change);\n        return false;",
      "return false;",
      "a change that the store did not take is lost",
    ],
    [
      "this.#noteNext(Math.ceil(connections.size / refreshesPerRound));",
      "",
      "what the registry has lost is never told again",
    ],
    [
      "if (!isNewer(connection.id)) this.#leaving.set(connection.id, connection);",
      "this.#leaving.set(connection.id, connection);",
      "a connection that came back during a failure is removed",
    ],
  ]),
  ...faultsIn(`${core}/cluster/connection-admin.ts`, [
    [
      "if (reason.length > longestReason) {",
      "if (false) {",
      "a reason is longer than a close frame",
    ],
    ["maxMs <= longestMoveMs)) {", "true)) {", "a move may take for ever"],
    [
      "if (to === undefined || to === node) this.#onSignal(signal);",
      "",
      "a node does not disconnect its own clients",
    ],
    [
      "if (to !== node) await engine.signals.send(signal, to);",
      "",
      "other nodes do not disconnect their clients",
    ],
    [
      "await this.refreshRevocations();\n    await engine",
      "await engine",
      "the node that revokes a token keeps its connections",
    ],
    [
      "if (!connection.isOpen) return false;",
      "",
      "a connection without a credential is matched",
      "every target names what only an open connection has, except a node; closing a connection that awaits its credential moves it as well",
    ],
    [
      'if ("node" in target) return target.node === node;',
      'if ("node" in target) return true;',
      "a signal for one node reaches all",
      "such a signal is sent to that node alone",
    ],
  ]),
  ...faultsIn(`${core}/rules/principal.ts`, [
    [
      "if (a.user === undefined && a.session === undefined && a.guest === undefined) return false;",
      "",
      "two clients that name nobody are the same person",
    ],
    [
      "a.user === b.user && a.session === b.session",
      "a.session === b.session",
      "two users are the same person",
    ],
  ]),
  ...faultsIn(`${core}/connection/subscription.ts`, [
    [
      'if (this.#withheld !== false) return this.#resumesAt ?? "now";',
      "",
      "a subscriber without history begins with the state",
    ],
    [
      "return !isLost && isPosition(this.#place) && this.#place.offset > 0 ? this.#place : undefined;",
      "return isPosition(this.#place) ? this.#place : undefined;",
      "a subscriber without history reads from the beginning with a position that it made up",
    ],
  ]),
  ...faultsIn(`${core}/rules/permissions.ts`, [
    [
      "return guest === undefined ? allowed : refused;",
      "return allowed;",
      "a guest reads what is open to users",
    ],
    [
      "if (permission === refused) return refused;",
      "",
      "one of several conditions suffices where all must hold",
    ],
    [
      'if (access === "nobody") return refused;',
      "",
      "a service publishes to a channel that is the gateway's own",
    ],
    [
      "isNamed(user, captures.user)",
      "user !== undefined",
      "a user reads the channel of another one",
    ],
    [
      "return id !== undefined && encodeId(id) === segment;",
      "return id !== undefined && id === segment;",
      "a user whose id is encoded cannot read their own channel",
    ],
    [
      "isNamed(session, captures.session)",
      "session !== undefined",
      "a session reads the channel of another one",
    ],
    [
      "connectionId !== undefined && connectionId === captures.connection",
      "connectionId !== undefined",
      "a client reads the channel of another connection",
    ],
    [
      "(user_id !== undefined && user_id === principal.user) ||",
      "user_id === principal.user ||",
      "an operation without a user belongs to everybody without one",
    ],
    [
      "(session_id !== undefined && session_id === principal.session)",
      "session_id === principal.session",
      "an operation without a session belongs to everybody without one",
    ],
    [
      "const texts = grants[action];",
      "const texts = grants.subscribe;",
      "a grant to read is a grant to publish",
    ],
  ]),
  ...faultsIn(`${core}/rules/rule-trie.ts`, [
    [
      'if (at.capture !== undefined && segment !== "*") {',
      "if (at.capture !== undefined) {",
      "a name that ends with * matches a rule for one segment",
    ],
    [
      "if (at.lowest >= best) return best;",
      "",
      "every branch of the rules is searched",
      "the pruning saves time only; a branch whose lowest rule is not better than the best one cannot change the result",
    ],
    ["let found = Math.min(best, at.open);", "let found = best;", "a rule with * matches nothing"],
  ]),
  ...faultsIn(`${core}/rules/channel-pattern.ts`, [
    [
      "channel.length <= count : channel.length !== count",
      "channel.length < count : channel.length !== count",
      "a pattern with * matches its own prefix",
    ],
    ["if (names.has(name)) return undefined;", "", "a pattern captures one name twice"],
    ['if (value === "*") return undefined;', "", "a grant for one segment covers all"],
  ]),
  ...faultsIn(`${core}/runtime/wall-clock-watch.ts`, [
    [
      "Math.abs(offset - this.#offset) <= toleranceMs",
      "true",
      "nothing notices that the wall clock was set",
    ],
    ["this.#offset = offset;\n    onSet();", "onSet();", "a set clock is noticed for ever"],
    ["if (!isNeeded()) return;", "", "the watch over the wall clock never ends"],
  ]),
  ...faultsIn(`${core}/runtime/timer-wheel.ts`, [
    [
      "if (deadline.dueAt > now) {",
      "if (deadline.dueAt > now + slotMs) {",
      "a deadline runs early",
    ],
    [
      "Math.ceil(now + timerDelayMs(delayMs))",
      "Math.floor(now + timerDelayMs(delayMs))",
      "a deadline runs a fraction of a millisecond early",
    ],
    ["last !== undefined && last !== deadline", "false", "clearing a deadline clears another one"],
    [
      "if (time >= this.#wakesAt) return;",
      "if (this.#wakesAt !== Number.POSITIVE_INFINITY) return;",
      "an earlier deadline waits for a later one",
    ],
    ["this.#onError(error);", "throw error;", "one deadline that fails stops the others"],
    [
      "if (deadline.slot !== slot || deadline.dueAt === undefined) return;",
      "",
      "a deadline that was cleared meanwhile runs",
    ],
  ]),
  ...faultsIn(`${core}/runtime/recent-names.ts`, [
    [
      "if (this.#young.size >= this.#size && !this.#young.has(name)) {",
      "if (false) {",
      "remembered names have no bound",
    ],
    [
      "if (old !== undefined) this.set(name, old);",
      "",
      "a name that is used all the time is forgotten",
    ],
  ]),
  ...faultsIn(`${core}/runtime/shared-call.ts`, [
    [
      "await underWay?.catch(() => {});",
      "",
      "two calls that should follow each other are made at once",
    ],
  ]),
  ...faultsIn(`${core}/requests/requests.ts`, [
    [
      "return this.#inputs < maxInputs ? undefined",
      "return this.#inputs <= maxInputs ? undefined",
      "a connection has one input stream too many",
    ],
    [
      "return this.#outputs <= maxOutputs ? undefined",
      "return this.#outputs < maxOutputs ? undefined",
      "a connection has one output stream too few",
    ],
    ["if (this.#pending.has(id)) {", "if (false) {", "two requests have one id"],
    [
      ", longest);\n  }",
      ", Number.POSITIVE_INFINITY);\n  }",
      "a client asks for more time than its method has",
    ],
    [
      "this.#rearm(request);\n    return true;",
      "return true;",
      "a stream ends while it is being used",
    ],
    [
      "request.abort(reason, this.#context.errorLog.report);\n    }",
      "}",
      "the work of a client that has gone goes on",
    ],
    [
      "Object.hasOwn(methods, method) ? methods[method]",
      "method in methods ? methods[method]",
      "a method that every object has is called",
    ],
    [
      "if (message.last === true) input.end({ value: undefined });",
      "",
      "an input stream never ends",
    ],
  ]),
  ...faultsIn(`${core}/requests/chunk-writer.ts`, [
    ["this.#credit -= chunkCost(text.value);", "", "chunks use no credit"],
    [
      "else if (this.#credit > 0) return;",
      "else if (this.#credit >= 0) return;",
      "a chunk is sent without credit",
    ],
    [
      'if (this.#state !== "running") return;\n    this.#credit',
      "this.#credit",
      "a chunk is sent after its stream was cancelled",
    ],
    ["await this.#iterator.return?.();", "", "a method is not told that its stream was cancelled"],
  ]),
  ...faultsIn(`${core}/requests/method-registry.ts`, [
    [
      "b.length - a.length",
      "a.length - b.length",
      "the most general of two method patterns answers",
    ],
    [
      "if (isReserved(name) || !namePattern.test(name)) return undefined;",
      "",
      "a pattern answers the gateway's own methods",
    ],
  ]),
  ...faultsIn(`${core}/dead-letters/assured-publisher.ts`, [
    [
      "const maxTries = 5;",
      "const maxTries = 500;",
      "an entry of the gateway is tried five hundred times",
    ],
    [
      "const isFinal = error instanceof MilepostError && !error.retryable;",
      "const isFinal = false;",
      "an entry that the store refuses is tried again",
    ],
    [
      "if (this.#open.size <= maxWaiting) return;",
      "return;",
      "entries that wait for the store have no bound",
    ],
    [
      "if (before !== undefined) this.#context.wheel.clear(before);",
      "",
      "an older summary is published after a newer one",
    ],
    [
      "await Promise.all(waiting.map((attempt) => this.#giveUp(attempt)));",
      "",
      "a shutdown loses the entries that wait for the store",
    ],
    [
      "if (this.#open.get(attempt.line) !== attempt) return;\n",
      "\n",
      "a replaced entry is tried again",
    ],
  ]),
  ...faultsIn(`${core}/dead-letters/dead-letter-service.ts`, [
    [
      "limit: query.limit + 1 }",
      "limit: query.limit }",
      "a page of dead letters hides that there are more",
    ],
    ['if (outcome === "full") {', "if (false) {", "a replay that was not taken is confirmed"],
    [
      "await this.#engine.deadLetters.remove(id);\n      return",
      "return",
      "a published dead letter stays",
    ],
    [
      "if (!(await this.#engine.deadLetters.remove(id))) throw notFound();",
      "await this.#engine.deadLetters.remove(id);",
      "dropping an unknown dead letter succeeds",
    ],
  ]),
];
