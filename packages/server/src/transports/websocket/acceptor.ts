import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Encoder, Principal } from "@milepost/core";
import {
  type CloseCode,
  closeCodeOfCredential,
  type Failure,
  failure,
  MilepostError,
  type Parsed,
} from "@milepost/protocol";
import { WebSocketServer } from "ws";
import { isConsoleToken } from "../../auth/console-tokens.ts";
import { failureOf, internalFailure } from "../../http/problem.ts";
import type { DoorParts } from "../door.ts";
import { GatewaySocket, WebSocketConnection } from "./connection.ts";
import { dashboardEncoder } from "./dashboard-dialect.ts";
import { deflateAnswer, offersDeflate } from "./deflate.ts";
import { deflatingEncoders, shortDeflatingEncoders } from "./deflating-encoders.ts";
import { DeflatingSocket } from "./deflating-socket.ts";
import { encoders, shortEncoders } from "./encoders.ts";
import type { ConnectCredential, Handshake, UpgradeRequest } from "./handshake.ts";
import { refuseUpgrade } from "./refusal.ts";

/** Outcome of the verification of a credential: its principal, or the code to close the connection with. */
export type Verdict =
  | {
      readonly principal: Principal | undefined;
      /** Id of the slot that was reserved for the connection. */
      readonly reservedId?: string;
    }
  | {
      readonly close: CloseCode;
      readonly reason: string;
      /** Failure to send before the close, because it says when to try again. */
      readonly refusal?: Failure;
    };

/** Steps of an upgrade that differ between the WebSocket doors. */
export interface AcceptorSteps<Plan extends Handshake> {
  /** Reads an upgrade request; a refusal is answered by HTTP without an upgrade. */
  readonly plan: (
    request: UpgradeRequest,
    options: { readonly tokenInQuery: boolean },
  ) => Parsed<Plan>;
  /** Attaches a new WebSocket to the core, or closes it. */
  readonly attach: (connection: WebSocketConnection, plan: Plan, verdict: Verdict) => void;
}

/** Acceptor of the upgrade requests of one door. */
export interface WebSocketAcceptor {
  /** Handles an upgrade request and answers it in every case. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Refuses every upgrade from now on. The core closes the open sockets. */
  refuse(): void;
  /** Resolves once every socket is closed. A socket that does not answer its close within 1 s is cut off. */
  close(): Promise<void>;
}

// These limits bound unfinished frames. The chunks can hold a message of the largest size, even when each chunk
// is a TCP segment of the smallest usual size.
const maxBufferedChunks = 4_096;
const maxFragments = 256;
/** Time that a peer has to answer a close frame before its connection is cut, in milliseconds. */
const closeTimeoutMs = 5_000;
/**
 * Time that peers have to answer a close frame while the shutdown of the gateway waits for them, in
 * milliseconds.
 */
const closeGraceMs = 1_000;

/**
 * Creates an acceptor. It verifies origin and credential, performs the upgrade, and tracks the open WebSockets.
 */
export function createWebSocketAcceptor<Plan extends Handshake>(
  { core, clock, identify, origins, sockets, guests, tokenInQuery, compression, log }: DoorParts,
  { plan: planUpgrade, attach }: AcceptorSteps<Plan>,
): WebSocketAcceptor {
  const acceptorOptions = {
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    // WebSocketConnection.pinged sends the pongs, because ws would create one closure per connection to send
    // them.
    autoPong: false,
    maxPayload: core.limits.maxMessageBytes,
    maxBufferedChunks,
    maxFragments,
    closeTimeout: closeTimeoutMs,
    WebSocket: GatewaySocket,
    handleProtocols: () => selected ?? false,
  };
  const acceptor = new WebSocketServer(acceptorOptions);
  const deflatingAcceptor = new WebSocketServer({ ...acceptorOptions, WebSocket: DeflatingSocket });
  deflatingAcceptor.on("headers", (headers) => {
    headers.push(`Sec-WebSocket-Extensions: ${deflateAnswer}`);
  });
  /** Subprotocol of the handshake that is being made, which ws makes within one call. */
  let selected: string | undefined;
  /** Sockets whose handshake of this turn waits for the first messages. */
  let corked: Duplex[] = [];
  const connections = new Set<WebSocketConnection>();
  /** Sockets whose credential is being verified. */
  const verifying = new Set<Duplex>();
  let closing = false;
  let onLastClosed: (() => void) | undefined;

  function uncork(): void {
    const sockets = corked;
    corked = [];
    for (const socket of sockets) socket.uncork();
  }

  function onClosed(connection: WebSocketConnection): void {
    connections.delete(connection);
    sockets.left(connection.address);
    if (connections.size === 0) onLastClosed?.();
  }

  for (const server of [acceptor, deflatingAcceptor]) {
    server.on("wsClientError", (error, socket) => {
      refuseUpgrade(socket, failure("bad_message", `not a WebSocket handshake: ${error.message}`));
    });
  }

  function accept(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refusal = refusalBeforePlan(request);
    if (refusal !== undefined) {
      refuse(socket, refusal);
      return;
    }
    const plan = planUpgrade(
      {
        url: request.url ?? "",
        authorization: request.headers.authorization,
        subprotocols: request.headers["sec-websocket-protocol"],
      },
      { tokenInQuery },
    );
    if (!plan.ok) {
      refuse(socket, plan.failure);
      return;
    }
    let address: string | undefined;
    try {
      address = sockets.upgrading(request, socket);
    } catch (error) {
      refuse(socket, failureOf(error) ?? internalFailure);
      return;
    }
    try {
      const outcome = connect(plan.value, address, request, socket, head);
      if (outcome instanceof Promise) void afterWait(outcome, address, socket);
      else if (!outcome) sockets.left(address);
    } catch (error) {
      failed(error, address, socket);
    }
  }

  async function afterWait(
    outcome: Promise<boolean>,
    address: string | undefined,
    socket: Duplex,
  ): Promise<void> {
    // Without the listener, a peer that disconnects meanwhile would end the process.
    socket.on("error", destroy);
    try {
      if (!(await outcome)) sockets.left(address);
    } catch (error) {
      failed(error, address, socket);
    }
  }

  function failed(error: unknown, address: string | undefined, socket: Duplex): void {
    sockets.left(address);
    log.error({ event: "request.failed", err: error }, "a WebSocket upgrade failed");
    socket.destroy();
  }

  function refusalBeforePlan({ headers }: IncomingMessage): Failure | undefined {
    if (closing) return goingAway;
    return origins.refusal(headers);
  }

  /**
   * Verifies the credential and opens the WebSocket; the outcome is false if there is none after all. It is there at once
   * unless the credential or the slot must be waited for.
   */
  function connect(
    plan: Plan,
    address: string | undefined,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): boolean | Promise<boolean> {
    const open = (verdict: Verdict) => openSocket(plan, address, request, socket, head, verdict);
    if (plan.credential.kind === "none") {
      return sockets.turn(socket).then(() => !socket.destroyed && open({ principal: undefined }));
    }
    const verdict = decide(plan, request);
    if (!(verdict instanceof Promise)) return open(verdict);
    verifying.add(socket);
    return verdict.then((decided) => {
      verifying.delete(socket);
      return open(decided);
    });
  }

  /** Verifies the credential of a request and takes a slot for its connection. */
  function decide(plan: Plan, request: IncomingMessage): Verdict | Promise<Verdict> {
    const verified = verify(plan.credential, request);
    const withSlot = (verdict: Verdict) =>
      isService(verdict) || origins.refusalOfUser(request.headers) === undefined
        ? reserved(verdict, plan)
        : verdict;
    return verified instanceof Promise ? verified.then(withSlot) : withSlot(verified);
  }

  /** Performs the upgrade and attaches the WebSocket; returns false if there is none after all. */
  function openSocket(
    plan: Plan,
    address: string | undefined,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    verdict: Verdict,
  ): boolean {
    const refusal = isService(verdict) ? undefined : origins.refusalOfUser(request.headers);
    if (closing || refusal !== undefined) {
      refuse(socket, closing ? goingAway : (refusal ?? goingAway));
      cancel(verdict);
      return false;
    }
    const isVerified = "principal" in verdict && verdict.principal !== undefined;
    if (isVerified) sockets.verified(socket);
    else sockets.upgraded(socket);
    let isConnected = false;
    const deflates = compression && offersDeflate(request.headers["sec-websocket-extensions"]);
    const chosen = deflates ? deflatingAcceptor : acceptor;
    // The answer to the handshake leaves together with the first messages of the connection, which are written at the end
    // of this turn. What is scheduled after them uncorks the socket.
    socket.cork();
    selected = plan.subprotocol;
    chosen.handleUpgrade(request, socket, head, (ws) => {
      socket.removeListener("error", destroy);
      const terms = {
        encoder: encoderOf(plan, deflates),
        consumer: plan.consumer,
        maxMessageBytes: core.limits.maxMessageBytes,
        address,
      };
      const connection = new WebSocketConnection(ws as GatewaySocket, socket, terms, onClosed);
      connections.add(connection);
      isConnected = true;
      attach(connection, plan, verdict);
    });
    if (corked.length === 0) clock.soon(uncork);
    corked.push(socket);
    // The peer may be gone, or its request may be no proper handshake.
    if (!isConnected) cancel(verdict);
    return isConnected;
  }

  async function admitGuest(request: IncomingMessage): Promise<Principal> {
    if (guests !== undefined) return guests.admit(sockets.addresses.ofRequest(request));
    throw new MilepostError("unauthenticated", "this gateway admits no guests; send a token");
  }

  function principalOf(
    credential: Exclude<ConnectCredential, { kind: "none" | "refused" }>,
    request: IncomingMessage,
  ): Principal | Promise<Principal> {
    switch (credential.kind) {
      case "token": {
        const { token, inHeader, inUrl } = credential;
        // A browser cannot send headers with a WebSocket, so the console offers its token as a subprotocol.
        const mayBeService = inHeader === true || (inUrl !== true && isConsoleToken(token));
        const service = mayBeService ? identify(token) : undefined;
        return service ?? core.admission.verifyToken(token);
      }
      case "ticket":
        return core.tickets.use(credential.ticket);
      case "guest":
        return admitGuest(request);
      case "session":
        return core.openSession(credential.credential);
    }
  }

  /** Takes the slot of a verified user's connection; the verdict is a close if there is none. */
  function reserved(verdict: Verdict, plan: Plan): Verdict | Promise<Verdict> {
    if (!("principal" in verdict) || verdict.principal === undefined) return verdict;
    const { principal } = verdict;
    const answer = core.slots.reserve(principal, {
      replaced: plan.connectionId,
      upgrades: plan.upgrades,
    });
    const granted = (slot: Awaited<typeof answer>): Verdict =>
      slot.isGranted ? { principal, reservedId: slot.id } : slot;
    return answer instanceof Promise ? answer.then(granted) : granted(answer);
  }

  function cancel(verdict: Verdict): void {
    if (!("principal" in verdict)) return;
    const { principal, reservedId } = verdict;
    if (principal !== undefined && reservedId !== undefined)
      core.slots.cancel(principal, reservedId);
  }

  /** Verifies a credential. Never throws or rejects: a failure becomes the code and reason to close with. */
  function verify(
    credential: ConnectCredential,
    request: IncomingMessage,
  ): Verdict | Promise<Verdict> {
    if (credential.kind === "none") return { principal: undefined };
    if (credential.kind === "refused") return { close: 4401, reason: credential.reason };
    try {
      const principal = principalOf(credential, request);
      return principal instanceof Promise
        ? principal.then((known) => ({ principal: known }), closeOf)
        : { principal };
    } catch (error) {
      return closeOf(error);
    }
  }

  /** Returns the close of a credential that was not accepted. */
  function closeOf(error: unknown): Verdict {
    if (!(error instanceof MilepostError))
      log.error({ event: "token.unverified", err: error }, "a token could not be verified");
    const failed = error instanceof MilepostError ? error : new MilepostError("internal", "");
    // Only the verifier can say why a token is not valid. For every other error, the reason is its code.
    const reason = failed.code === "unauthenticated" ? failed.message : failed.code;
    const refusal = failed.toFailure();
    return {
      close: closeCodeOfCredential(failed.code),
      reason,
      ...(refusal.retry_after_ms !== undefined && { refusal }),
    };
  }

  return {
    accept,
    refuse() {
      closing = true;
    },
    async close() {
      closing = true;
      // A verifier that never answers must not delay the shutdown.
      for (const socket of verifying) refuse(socket, goingAway);
      if (connections.size === 0) return;
      const lastClosed = new Promise<void>((resolve) => {
        onLastClosed = resolve;
      });
      const cutOff = setTimeout(() => {
        for (const connection of connections) connection.terminate();
      }, closeGraceMs);
      await lastClosed;
      clearTimeout(cutOff);
    },
  };
}

const dashboardEncoders = {
  plain: dashboardEncoder(encoders.plain),
  deflating: dashboardEncoder(deflatingEncoders.plain),
};

function encoderOf({ dialect, isShort, replies }: Handshake, deflates: boolean): Encoder {
  if (isShort === true) return (deflates ? shortDeflatingEncoders : shortEncoders)[dialect];
  if (replies === "dashboard") return dashboardEncoders[deflates ? "deflating" : "plain"];
  return (deflates ? deflatingEncoders : encoders)[dialect];
}

const goingAway = failure("shutting_down", "this node is shutting down; connect to another node");

function isService(verdict: Verdict): boolean {
  return "principal" in verdict && verdict.principal?.kind === "service";
}

function refuse(socket: Duplex, refusal: Failure): void {
  socket.on("error", destroy);
  refuseUpgrade(socket, refusal);
}

function destroy(this: Duplex): void {
  this.destroy();
}
