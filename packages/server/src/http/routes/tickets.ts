import { z } from "zod";
import { answerJson } from "../answer.ts";
import { readBody } from "../body.ts";
import { describe } from "../description.ts";
import type { Endpoint, HttpDoorOptions } from "../endpoint.ts";
import { accepted, readJsonAs } from "../reading.ts";

const patterns = z.array(z.string().max(255)).max(100).exactOptional();
const id = z.string().min(1).max(1_024).exactOptional();

const ticketSchema = z
  .strictObject({
    user: id,
    session: id,
    channels: z
      .strictObject({
        subscribe: patterns,
        publish: patterns,
        presence: patterns,
        history: patterns,
        command: patterns,
        end: patterns,
      })
      .exactOptional(),
    ttl_ms: z
      .number()
      .meta({ description: "Lifetime of the authority, in milliseconds; default 3,600,000." })
      .exactOptional(),
  })
  .meta({ id: "TicketContent", description: "Whom the ticket is for; only with an API key." });

const issuedSchema = z
  .object({ ticket: z.string(), expires_at: z.number() })
  .meta({ id: "Ticket" });

/** Endpoint `POST /v1/tickets`: a credential for one connect. */
export function ticketEndpoint({ core }: HttpDoorOptions): Endpoint {
  return {
    method: "POST",
    path: "/v1/tickets",
    spec: describe({
      summary: "Issues a ticket: a credential for one connect within 30 s, to send as ?ticket=.",
      body: { "application/json": ticketSchema },
      success: { status: 201, description: "The ticket.", schema: issuedSchema },
    }),
    async handle(context) {
      const text = await readBody(context.env.incoming, core.limits.maxMessageBytes);
      const { ttl_ms: ttlMs, ...rest } =
        text === "" ? {} : accepted(readJsonAs(ticketSchema, text));
      const content = { ...rest, ...(ttlMs === undefined ? {} : { ttlMs }) };
      const issued = await core.tickets.issue(context.get("principal"), content);
      context.env.outgoing.setHeader("Cache-Control", "no-store");
      return answerJson(context, issued, 201);
    },
  };
}
