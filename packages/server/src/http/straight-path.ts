import type { IncomingMessage, ServerResponse } from "node:http";
import { type ServicePrincipal, traceFields } from "@milepost/core";
import { signatureHeader } from "@milepost/protocol";
import { rememberedHash } from "../auth/remembered-hash.ts";
import { servesBackends } from "../config/role.ts";
import { sendJson, sendProblem } from "./answer.ts";
import { isNdjson, textOf } from "./body.ts";
import type { HttpDoorOptions } from "./endpoint.ts";
import { failureOf, internalFailure, problemOf } from "./problem.ts";
import { reportText } from "./routes/operation-events.ts";
import { publishText } from "./routes/publish.ts";
import { withTrace } from "./trace-header.ts";

/** Parts of the HTTP API that the straight path uses. */
export type StraightPathParts = Pick<
  HttpDoorOptions,
  "core" | "auth" | "role" | "origins" | "sockets" | "unread" | "log" | "closing"
>;

const publishPath = "/v1/publish";
/** Only characters that mean the same before and after a URL is decoded. */
const eventsPath = /^\/v1\/operations\/([A-Za-z0-9_~-][A-Za-z0-9_.~-]{0,127})\/events$/;
/** Hosts that the router takes as they stand, without parsing a URL. */
const plainHost = /^[a-z0-9._-]+(?::(?:[1-5]\d{3,4}|[6-9]\d{3}))?$/;
const signature = signatureHeader.toLowerCase();

/**
 * Straight path of the requests that a gateway gets most: publications, and events of operations, by an API key.
 *
 * It takes a request only if nothing about it is special, and calls the same functions as the route: the answer is the
 * same, byte for byte. All other requests go to the router, and so does every request that is to be refused before its
 * body is read.
 */
export class StraightPath {
  readonly #parts: StraightPathParts;
  readonly #isServed: boolean;

  constructor(parts: StraightPathParts) {
    this.#parts = parts;
    this.#isServed = servesBackends(parts.role);
  }

  /** Handles a request, or returns false and leaves it as it was. */
  take(incoming: IncomingMessage, outgoing: ServerResponse): boolean {
    const { url = "", method } = incoming;
    if (method !== "POST" || !this.#isServed) return false;
    let operation: string | undefined;
    if (url !== publishPath) {
      operation = eventsPath.exec(url)?.[1];
      if (operation === undefined) return false;
    }
    const principal = this.#admitted(incoming);
    if (principal === undefined) return false;
    const { sockets } = this.#parts;
    sockets.authenticated({ incoming, outgoing });
    this.#read(incoming, outgoing, principal, operation);
    return true;
  }

  /** Returns the service that a request comes from; undefined for a request that the router must look at. */
  #admitted(incoming: IncomingMessage): ServicePrincipal | undefined {
    const { auth, core, origins, closing } = this.#parts;
    const { headers } = incoming;
    const length = Number(headers["content-length"]);
    const isPlain =
      !closing.aborted &&
      length <= core.limits.maxMessageBytes &&
      headers.origin === undefined &&
      headers[signature] === undefined &&
      headers["content-encoding"] === undefined &&
      headers.upgrade === undefined &&
      (headers.host === undefined || plainHost.test(headers.host)) &&
      origins.answersTo(headers.host);
    if (!isPlain) return undefined;
    const hash = rememberedHash(incoming);
    try {
      const service = hash === undefined ? undefined : auth.identifyHash(hash);
      if (service?.signing !== undefined) return undefined;
      return core.isTracing && service !== undefined ? withTrace(service, headers) : service;
    } catch {
      // The router answers with the reason why the key is not valid any more.
      return undefined;
    }
  }

  #read(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    principal: ServicePrincipal,
    operation: string | undefined,
  ): void {
    let first: Buffer | undefined;
    let rest: Buffer[] | undefined;
    incoming.on("data", (chunk: Buffer) => {
      if (first === undefined) first = chunk;
      else if (rest === undefined) rest = [first, chunk];
      else rest.push(chunk);
    });
    incoming.on("end", () => {
      const bytes = rest === undefined ? (first ?? nothing) : Buffer.concat(rest);
      this.#answer(incoming, principal, operation, bytes).then(
        (body) => {
          sendJson(outgoing, body);
          this.#parts.unread.watch(outgoing);
        },
        (error) => this.#refuse(outgoing, error, operation, principal),
      );
    });
  }

  async #answer(
    { headers }: IncomingMessage,
    principal: ServicePrincipal,
    operation: string | undefined,
    bytes: Buffer,
  ): Promise<unknown> {
    const { core } = this.#parts;
    const text = textOf(bytes);
    return operation === undefined
      ? publishText(core, principal, text, isNdjson(headers["content-type"]))
      : reportText(core, principal, operation, text, headers);
  }

  #refuse(
    outgoing: ServerResponse,
    error: unknown,
    operation: string | undefined,
    { traceparent }: ServicePrincipal,
  ): void {
    const { log, unread } = this.#parts;
    const known = failureOf(error);
    const route = operation === undefined ? publishPath : "/v1/operations/:id/events";
    if (known === undefined)
      log.error(
        { event: "request.failed", err: error, route, ...traceFields(traceparent) },
        "a request failed",
      );
    sendProblem(outgoing, problemOf(known ?? internalFailure));
    unread.watch(outgoing);
  }
}

const nothing = Buffer.alloc(0);
