import { faultsIn } from "../faults-in.mjs";

const server = "packages/server/src";

/** Faults in the gateway's doors, its HTTP API, its credentials and its backends. */
export const serverMutants = [
  ...faultsIn(`${server}/auth/tokens.ts`, [
    [
      "issued + Math.ceil(ttlMs / 1000)",
      "issued + Math.ceil(ttlMs / 100)",
      "tokens live ten times as long as asked",
    ],
    [
      "  if (value === undefined || isId(value)) {\n",
      "  if (value !== 0) {\n",
      "a token is issued for a user id that no door accepts",
    ],
  ]),
  ...faultsIn(`${server}/auth/token-claims.ts`, [
    ["if (expiresAt <= now) {", "if (false) {", "a token is taken after its end"],
    [
      'if (value === undefined && name !== "exp") continue;',
      "if (value === undefined) continue;",
      "a token without an end is taken",
    ],
    [
      "!Array.isArray(value) || value.length > maxPatterns",
      "!Array.isArray(value)",
      "a token grants any number of patterns",
    ],
    ["if (isGuestId(id)) throw", "if (false) throw", "a token makes its holder a guest"],
    ["if (begin > now + clockToleranceMs)", "if (false)", "a token from the future is taken"],
    [
      "if (ids.user === undefined && ids.session === undefined) {",
      "if (false) {",
      "a token that names nobody is taken",
    ],
  ]),
  ...faultsIn(`${server}/auth/token-form.ts`, [
    [
      'return part !== "" && canonical.test(part) ? Buffer',
      'return part !== "" && /^[\\w-]+$/.test(part) ? Buffer',
      "a token has several spellings",
    ],
    [
      'if ("crit" in header || "b64" in header) return "the token\'s header asks for extensions";',
      "",
      "a token with unknown extensions is taken",
      "the library refuses extensions too",
    ],
    [
      'return repeated.test(findLoss(text, "") ?? "") ? undefined : json.value;',
      "return json.value;",
      "a token in which a claim occurs twice is taken",
    ],
    [
      'if (token.length > messageBounds.tokenLength) return "the token is too long";',
      "",
      "a token of any length is parsed",
    ],
  ]),
  ...faultsIn(`${server}/auth/token-key.ts`, [
    [
      "if (bytes.byteLength < minTokenSecretBytes) {",
      "if (bytes.byteLength < minTokenSecretBytes - 1) {",
      "a secret of 31 bytes is taken",
    ],
    ["return modulusLength >= minRsaBits", "return modulusLength >= 0", "a weak RSA key is taken"],
  ]),
  ...faultsIn(`${server}/auth/key-set.ts`, [
    [
      "this.#options.cooldownMs - since,",
      "0,",
      "each unknown kid makes the gateway fetch the keys of the issuer",
    ],
    [
      "if (age >= this.#options.maxStaleMs) this.#keys = [];",
      "if (age >= this.#options.maxStaleMs) this.#waitMs();",
      "keys that the issuer withdrew long ago stay in use",
    ],
  ]),
  ...faultsIn(`${server}/auth/hmac-key.ts`, [
    ["secret.byteLength > blockBytes", "false", "a long secret makes other codes than its issuer"],
    [
      "oneShot === undefined || end > this.#inner.length",
      "oneShot === undefined",
      "a text is cut before its code is made",
    ],
  ]),
  ...faultsIn(`${server}/auth/token-verifier.ts`, [
    [
      "      (key) =>\n        key.algorithm === algorithm &&",
      "      (key) =>\n        true &&",
      "a public key serves as a secret",
      "the key is bound to its own algorithm when it is verified, too",
    ],
  ]),
  ...faultsIn(`${server}/auth/authenticator.ts`, [
    [
      "if (verifyOtherwise === undefined && !isJwt(credential)) {",
      "if (false) {",
      "a wrong API key is called an invalid token",
    ],
    [
      "if (id === undefined || (isId(id) && !isGuestId(id))) continue;",
      "continue;",
      "a custom verifier brings ids that no store can carry",
    ],
  ]),
  ...faultsIn(`${server}/auth/api-keys.ts`, [
    [
      "if (timingSafeEqual(hash, key.hash)) found = key.principal;",
      "found = key.principal;",
      "any API key is taken",
    ],
    [
      "if (found?.expiresAt !== undefined && found.expiresAt <= clock.now()) {",
      "if (false) {",
      "an expired API key is taken",
    ],
  ]),
  ...faultsIn(`${server}/backends/circuit-breaker.ts`, [
    [
      "if (stretch !== this.#stretch) return;\n    this.#failuresInRow = 0;",
      "this.#failuresInRow = 0;",
      "an answer from before the breaker opened closes it",
    ],
    ["calls >= minCalls && failures", "failures", "one failure of one call opens the breaker"],
    [
      "failures >= calls * failureShare",
      "failures > calls * failureShare",
      "exactly half of the calls may fail",
    ],
    [
      'if (this.#state === "half_open") this.#probing = true;',
      "",
      "every request probes a backend that failed",
    ],
    [
      "Math.min(openMs * 2 ** Math.min(this.#openings, 20), maxOpenMs)",
      "openMs",
      "the breaker opens for the same time again and again",
    ],
    [
      "this.#openings = 0;\n",
      "\n",
      "a backend that has recovered is still treated as one that kept failing",
    ],
    [
      "if (stretch === this.#stretch) this.#probing = false;",
      "",
      "a probe that its caller cancelled blocks the backend for ever",
    ],
    [
      "(longestMs / 2) * (1 + this.#random.fraction())",
      "longestMs",
      "all nodes probe a backend at the same moment",
    ],
  ]),
  ...faultsIn(`${server}/backends/failure-window.ts`, [
    ["this.#before.number === this.#present.number - 1", "true", "failures of long ago count"],
  ]),
  ...faultsIn(`${server}/auth/request-signing.ts`, [
    [
      'timingSafeEqual(expected, Buffer.from(mac, "hex")) ? name : undefined',
      "name",
      "any signature with a known key id is accepted",
    ],
    [
      "const text = signedText(timestamp, subject,",
      'const text = signedText(timestamp, "",',
      "a signature for one path holds for another",
    ],
  ]),
  ...faultsIn(`${server}/http/signed-request.ts`, [
    [
      'header === undefined ? "" : await readSignedBytes(incoming, core.limits.maxMessageBytes)',
      '""',
      "a signature without a body holds for any body",
    ],
  ]),
  ...faultsIn(`${server}/backends/signature.ts`, [
    [
      "if (!(Math.abs(now - timestamp) <= toleranceS)) return false;",
      "",
      "a request may be replayed for ever",
    ],
    [
      "signedText(timestamp, method, digest)",
      'signedText(timestamp, "", digest)',
      "a signature for one method holds for another",
    ],
  ]),
  ...faultsIn(`${server}/backends/backend.ts`, [
    [
      "if (this.#inFlight >= this.#maxConcurrent) {",
      "if (false) {",
      "a slow backend receives any number of requests",
    ],
    [
      "if (posting.status >= 500)",
      "if (posting.status > 500)",
      "a backend that answers 500 counts as healthy",
    ],
    [
      "if (tookMs >= this.#timeoutMs * 0.9) this.#failed",
      "if (false) this.#failed",
      "a backend that never answers counts as healthy",
    ],
    [
      "repeatable: key !== undefined,",
      "repeatable: true,",
      "a request without a key is sent twice",
    ],
    [
      "JSON.stringify([whose, method, key])",
      "JSON.stringify([method, key])",
      "two users with one key get each other's result",
    ],
    ["if (!isStreaming) this.#inFlight--;", "", "a backend is busy for ever after some requests"],
  ]),
  ...faultsIn(`${server}/backends/streamed-answer.ts`, [
    [
      "if (!this.#isRead) this.#body.destroy();",
      "",
      "a backend keeps writing a stream that nobody reads",
    ],
  ]),
  ...faultsIn(`${server}/backends/piece-reader.ts`, [
    [
      "if (this.#rest.length > this.#maxBytes) throw tooLarge(this.#method);",
      "",
      "a line of a backend without an end fills the memory",
    ],
  ]),
  ...faultsIn(`${server}/backends/exchange.ts`, [
    ["if (bytes <= this.#maxBytes) {", "if (true) {", "an answer of a backend may have any size"],
    [
      "if (wasClosed && again) resolve(this.#try(posted, false));\n        else",
      "",
      "a request over a connection that the backend had closed fails",
    ],
  ]),
  ...faultsIn(`${server}/backends/reading.ts`, [
    [
      "Math.min(Number(text) * 1_000, maxRetryAfterMs)",
      "Number(text) * 1_000",
      "a backend makes clients wait for days",
    ],
    ["cutText(said, maxDetailLength)", "said", "an error text of a backend may have any length"],
    [
      'status === 429 ? "rate_limited" : "backend_failed"',
      '"backend_failed"',
      "a backend that limits its callers counts as failing",
    ],
  ]),
  ...faultsIn(`${server}/http/origin-policy.ts`, [
    [
      'if (exact.size > 0 || host === undefined || host === "") return false;',
      'if (host === undefined || host === "") return false;',
      "a page of the gateway's own host is allowed besides the list",
    ],
    [
      "return hosts.has(name) || hosts.has(withoutPort(name));",
      "return true;",
      "the gateway answers to every Host although hosts are listed",
    ],
    [
      'if (missingOrigin === "allow" || origin !== undefined) return undefined;',
      "return undefined;",
      "a user without an Origin is served although the deployment refuses those",
    ],
    [
      "return origin === `http://${host}` || origin === `https://${host}`;",
      "return origin.endsWith(host);",
      "a page on a host with the same ending is allowed",
    ],
  ]),
  ...faultsIn(`${server}/config/exposure.ts`, [
    [
      "if (missing.length === 0) return [];",
      "return [];",
      "a gateway whose secrets are made up serves other machines",
    ],
  ]),
  ...faultsIn(`${server}/runtime/collapsing-log.ts`, [
    [
      "if (line === undefined || written.has(line)) {",
      "if (line === undefined) {",
      "an equal line of the log is written again",
    ],
    [
      "written.size < maxLines ? textOf(fields) : undefined",
      "textOf(fields)",
      "a client fills the log with lines that differ in a field",
    ],
    [
      "if (this.#repetitions.size >= maxMessages) {",
      "if (false) {",
      "the log remembers any number of messages",
    ],
  ]),
  ...faultsIn(`${server}/admission/client-sockets.ts`, [
    [
      "if (!this.#waiting.remove(raw)) return;",
      "",
      "a socket with TLS keeps its place among those without a credential",
    ],
  ]),
  ...faultsIn(`${server}/http/body.ts`, [
    [
      "if (size > maxBytes) throw tooLarge(maxBytes);",
      "",
      "a body without a length may have any size",
    ],
    [
      '"utf-8", { fatal: true }',
      '"utf-8"',
      "a body that is not UTF-8 is changed instead of refused",
    ],
    [
      'if (encoding !== undefined && encoding !== "identity") {',
      "if (false) {",
      "a compressed body is called invalid JSON",
    ],
  ]),
  ...faultsIn(`${server}/http/problem.ts`, [
    [
      'if (problem.status === 401) headers["WWW-Authenticate"] = "Bearer";',
      "",
      "a 401 does not name its scheme",
    ],
    [
      "Math.ceil(problem.retry_after_ms / 1000)",
      "Math.floor(problem.retry_after_ms / 1000)",
      "a client comes back up to a second early",
    ],
  ]),
  ...faultsIn(`${server}/http/authorization.ts`, [
    ["if (!isOf(tokenPaths)) return {};", "", "any request may carry its token in the URL"],
    [
      "if (authorization !== undefined || (ticket ?? token ?? guest) === undefined) {",
      "if ((ticket ?? token ?? guest) === undefined) {",
      "a token in the URL beats the header",
    ],
  ]),
  ...faultsIn(`${server}/auth/guests.ts`, [
    [
      "if (given.length !== right.length || !timingSafeEqual(given, right)) {",
      "if (false) {",
      "anyone makes the token of any guest",
    ],
    ["if (expiresAt <= this.#clock.now()) {", "if (false) {", "a guest never expires"],
    [
      "if (await this.#claim(id, this.#ttlMs)) return issued;",
      "if (id !== '') return issued;",
      "any page becomes the guest whose name it knows",
    ],
    [
      "if (address !== undefined) this.#pace.take(address);",
      "",
      "an address makes any number of guests",
    ],
  ]),
  ...faultsIn(`${server}/auth/guest-authenticator.ts`, [
    [
      "if (principal.guest === undefined && !isGuestName(principal.user)) return principal;",
      "return principal;",
      "a token names a guest",
    ],
  ]),
  ...faultsIn(`${server}/transports/websocket/acceptor.ts`, [
    [
      "mayBeService ? identify(token) : undefined;",
      "identify(token);",
      "an API key in a URL opens a WebSocket",
    ],
    [
      "inUrl !== true && isConsoleToken(token)",
      "isConsoleToken(token)",
      "a console token in a URL opens a WebSocket",
    ],
  ]),
  ...faultsIn(`${server}/auth/console-tokens.ts`, [
    ["expiresAt <= this.#clock.now()", "expiresAt < 0", "a console token never expires"],
    ["now >= until", "now < 0", "a console token can be renewed for ever"],
    [
      "timingSafeEqual(Buffer.from(right), Buffer.from(signature))",
      "true",
      "the signature of a console token is not checked",
    ],
    [
      "isRight && key ? this.#apiKeys.identifyHash(key.known.hash) : undefined",
      "isRight ? key?.known.principal : undefined",
      "a console token outlives its key",
    ],
  ]),
  ...faultsIn(`${server}/http/mount.ts`, [
    [
      "if (!isLeftToUs || listeners[0] !== onForeignUpgrade) return;",
      "",
      "an upgrade that belongs to the application is refused",
    ],
    [
      'if (event === "checkContinue") response.writeContinue();',
      "",
      "a client that waits for 100 Continue waits for ever",
    ],
  ]),
  ...faultsIn(`${server}/http/routes/connections.ts`, [
    [
      "Object.keys(whose).length === 1) {\n    if (connection",
      "true) {\n    if (connection",
      "a request that names two targets reaches one of them",
    ],
  ]),
  ...faultsIn(`${server}/http/routes/dead-letters.ts`, [
    [
      "if (channel || subscriber || reason) return filter;",
      "return filter;",
      "a request without a filter drops every dead letter",
    ],
  ]),
  ...faultsIn(`${server}/transports/consumer.ts`, [
    [
      'kind === "server" ? "server_sdk" : door',
      'kind === "browser" ? "server_sdk" : door',
      "clients in Node are counted as bare sockets",
    ],
  ]),
  ...faultsIn(`${server}/transports/long-poll/poll.ts`, [
    [
      "if (this.#settled < channels && this.#bytes < fullBytes) return;",
      "if (this.#settled < channels) return;",
      "a poll collects any number of bytes",
    ],
    [
      "if (this.#hasNews || this.#waited || channels === 0) this.#end(undefined);",
      "if (this.#waited) this.#end(undefined);",
      "a poll waits although there is news",
    ],
    [
      'if (item.kind === "end" && this.#holds(item)) continue;',
      "",
      "a poll after the end of a channel returns at once, for ever",
    ],
    ["this.#cancelWait();", "", "a poll that has ended keeps its timer"],
  ]),
  ...faultsIn(`${server}/transports/long-poll/door.ts`, [
    [
      "const maxWaitSeconds = 25;",
      "const maxWaitSeconds = 250;",
      "a poll waits longer than proxies do",
    ],
    [
      "if (all.size > core.limits.maxSubscriptions) {",
      "if (false) {",
      "a poll has any number of channels",
      "the connection behind a poll refuses the subscriptions above the limit with the same code, and the poll throws that refusal",
    ],
    [
      'const retry = closeVerdict(close) === "resume" ? { retryAfterMs: 1_000 } : {};',
      "const retry = {};",
      "a poll that is to be repeated is repeated at once",
    ],
    ['outgoing.once("close", giveUp);', "", "a poll whose client has gone waits on"],
  ]),
  ...faultsIn(`${server}/transports/sse/stream.ts`, [
    [
      "if (this.bufferedBytes === 0) this.#events?.onAlive();",
      "this.#events?.onAlive();",
      "a stream that nobody reads counts as alive",
    ],
    [
      "maxLifetimeMs * (1 - random.fraction() / 5)",
      "maxLifetimeMs",
      "all streams of a start end at the same moment",
    ],
    [
      "code === aged ? agedRetry : code === 4409",
      "closedRetry",
      "a stream that ends by its age makes its reader wait",
    ],
    [
      ">= this.#endsAt) this.close(aged",
      ">= 2 * this.#endsAt) this.close(aged",
      "a stream lives twice as long as the setting says",
    ],
    [
      "if (this.#response.destroyed) {\n      events.onClose();",
      "if (this.#response.destroyed) {",
      "a stream whose reader left at once stays open",
    ],
  ]),
  ...faultsIn(`${server}/transports/sse/stream-query.ts`, [
    [
      "if (length > maxCursorLength) {",
      "if (false) {",
      "a stream has a cursor that no header can carry",
    ],
    [
      "readResume(lastEventId || query.last_event_id?.[0], personal.value)",
      "readResume(query.last_event_id?.[0] || lastEventId, personal.value)",
      "the address of an EventSource beats where it has come to",
    ],
  ]),
  ...faultsIn(`${server}/transports/websocket/acceptor.ts`, [
    [
      "if (closing) return goingAway;",
      "",
      "a node that shuts down accepts WebSockets",
      "the same is checked again after the token was verified, with the same answer",
    ],
    [
      "return origins.refusal(headers);",
      "return undefined;",
      "a page of any origin opens a WebSocket",
    ],
    [
      "for (const socket of verifying) refuse(socket, goingAway);",
      "",
      "a WebSocket whose token is being verified delays a shutdown",
    ],
    ["maxPayload: core.limits.maxMessageBytes,", "", "a message of a hundred megabytes is read"],
  ]),
  ...faultsIn(`${server}/transports/websocket/connection.ts`, [
    [
      "if (this.#unverifiedBytes > maxUnverifiedBytes) this.#ws.pause();",
      "",
      "a client without a credential sends any amount",
    ],
    [
      "this.bufferedBytes < maxBytesBeforePong &&",
      "",
      "pings of a client that reads nothing fill the memory",
    ],
    [
      "if (Buffer.byteLength(reason) <= maxReasonBytes) return reason;",
      "return reason;",
      "a long reason breaks the close",
    ],
    [
      "if (this.#ws.readyState !== WebSocket.OPEN) return;",
      "",
      "frames are sent after the close frame",
    ],
  ]),
  ...faultsIn(`${server}/transports/websocket/deflate.ts`, [
    [
      'server_max_window_bits="?15"?',
      'server_max_window_bits="?\\d+"?',
      "a client that asked for a small window gets a large one",
    ],
    ["maxOutputLength: maxBytes,", "", "a small message inflates to any size"],
  ]),
  ...faultsIn(`${server}/transports/websocket/frame.ts`, [
    [
      "return length < 2 ** 16 ? 4 : 10;",
      "return length <= 2 ** 16 ? 4 : 10;",
      "a frame of exactly 64 KiB is broken",
    ],
    [
      "if (length < length16) return 2;",
      "if (length <= length16) return 2;",
      "a frame of exactly 126 bytes is broken",
    ],
  ]),
  ...faultsIn(`${server}/transports/websocket/handshake.ts`, [
    [
      "return tokenInQuery\n",
      "return true\n",
      "a token in the URL is taken although the setting forbids it",
    ],
    [
      "valid && new Set(names).size === names.length",
      "valid",
      "a subprotocol that is offered twice is taken",
    ],
  ]),
  ...faultsIn(`${server}/transports/session-feed/upgrade-plan.ts`, [
    [
      'if (session === undefined || session === "") return invalidSegment();',
      "",
      "a path without a session is upgraded",
    ],
  ]),
  ...faultsIn(`${server}/admission/handshake-pace.ts`, [
    [
      "const earned = 2;",
      "const earned = 0;",
      "clients that show their credential wait like a flood",
    ],
    ["const maxEarned = 64;", "const maxEarned = 64_000;", "any number of handshakes is saved up"],
  ]),
  ...faultsIn(`${server}/admission/socket-pool.ts`, [
    [
      "const graceFactor = 10;",
      "const graceFactor = 400;",
      "any number of sockets without a credential stay in their first second",
    ],
    [
      "const graceMs = 3_000;",
      "const graceMs = 0;",
      "a storm of clients that reconnect drops its own",
    ],
    [
      "entry.since = this.#bounds.now();",
      "",
      "the time for which the gateway holds a handshake back counts against its client",
    ],
    [
      "if (sockets.size > this.#bounds.maxPerAddress && oldest",
      "if (oldest",
      "an address may have one socket without a credential",
    ],
    [
      'socket.removeListener("close", this.#onClose);',
      "",
      "a socket keeps the listener of a pool that it has left",
    ],
  ]),
  ...faultsIn(`${server}/admission/client-addresses.ts`, [
    [
      "if (!this.#proxies.has(address)) break;",
      "",
      "the left-most address counts, which anybody can forge",
    ],
    [
      "if (address === undefined) break;",
      "if (address === undefined) continue;",
      "an address to the left of an unreadable one is believed",
    ],
    [
      "peer === undefined || !this.#proxies.has(peer)",
      "peer === undefined",
      "a forwarding header of anybody counts",
    ],
  ]),
  ...faultsIn(`${server}/http/header-count.ts`, [
    ["<= 2 * maxHeaders", "<= 20 * maxHeaders", "a request with a thousand headers is handled"],
  ]),
  ...faultsIn(`${server}/http/unread-answers.ts`, [
    ["clock.monotonic() >= dueAt", "false", "an answer that nobody reads stays for ever"],
    ["clock.now() >= expiresAt", "false", "an unread answer outlives the token of its reader"],
    ["this.#bytes += bytes;", "", "unread answers may hold any number of bytes"],
  ]),
  ...faultsIn(`${server}/http/request-turns.ts`, [
    [
      "before === undefined || before.writableFinished || before.destroyed",
      "true",
      "the answers to all requests of a connection are held at once",
    ],
    ["if (count > maxWaiting) {", "if (false) {", "any number of requests of a connection wait"],
  ]),
];
