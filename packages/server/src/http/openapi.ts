import { createHash } from "node:crypto";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { protocolVersion } from "@milepost/protocol";
import { Hono } from "hono";
import type { GenerateSpecOptions } from "hono-openapi";
import type { Endpoint, HttpContext, HttpEnv } from "./endpoint.ts";
import { safeHeaders } from "./safe-headers.ts";

/** Parts of `/openapi.json` that do not come from the endpoints. */
const openApiDocument: Partial<GenerateSpecOptions> = {
  defaultValidationErrorResponse: false,
  documentation: {
    info: {
      title: "Milepost",
      version: protocolVersion,
      description: "Pushes the progress of long-running work to the people waiting for it.",
    },
    components: {
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          description: "An API key (producers, admins) or a user token (JWT).",
        },
      },
    },
    security: [{ bearer: [] }],
  },
};

/** The document as it is sent, with its validator. */
interface Described {
  readonly body: Buffer;
  readonly etag: string;
}

/**
 * Creates the handler of `/openapi.json`. The document is built at the first request and kept, because building it
 * takes many times as long as any other answer that needs no credential. What builds it is loaded then too, since most
 * gateways are never asked. A request with its `ETag` gets 304.
 */
export function describedBy(
  endpoints: readonly Endpoint[],
): (context: HttpContext) => Promise<Response> {
  let described: Promise<Described> | undefined;
  return async ({ env: { incoming, outgoing } }) => {
    described ??= build(endpoints);
    const { body, etag } = await described;
    const headers = { ...safeHeaders, "Cache-Control": "no-cache", ETag: etag };
    if (matches(incoming.headers["if-none-match"], etag)) {
      outgoing.writeHead(304, headers).end();
    } else {
      const lengths = { "Content-Type": "application/json", "Content-Length": body.length };
      outgoing.writeHead(200, { ...headers, ...lengths }).end(body);
    }
    return RESPONSE_ALREADY_SENT;
  };
}

async function build(endpoints: readonly Endpoint[]): Promise<Described> {
  const { describeRoute, generateSpecs, resolver } = await import("hono-openapi");
  const app = new Hono<HttpEnv>();
  for (const { method, path, spec, handle } of endpoints) {
    app.on(method, path, describeRoute(spec(resolver)), handle);
  }
  const body = Buffer.from(JSON.stringify(await generateSpecs(app, openApiDocument)));
  const hash = createHash("sha256").update(body).digest("base64url").slice(0, 22);
  return { body, etag: `"${hash}"` };
}

/** True if a header `If-None-Match` names the validator, in its strong or weak form, or any. */
function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(",").some((part) => {
    const tag = part.trim().replace(/^W\//, "");
    return tag === etag || tag === "*";
  });
}
