import { requireService } from "@milepost/core";
import { MilepostError } from "@milepost/protocol";
import { z } from "zod";
import { answerJson } from "../answer.ts";
import { readBody } from "../body.ts";
import { describe } from "../description.ts";
import type { Endpoint, HttpDoorOptions } from "../endpoint.ts";
import { accepted, readJsonAs } from "../reading.ts";

const namedSchema = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(1_024)
      .meta({ description: "Name that a backend gives the guest; only with an API key." })
      .exactOptional(),
    claim: z
      .string()
      .min(1)
      .max(1_024)
      .meta({ description: "Name that the page has chosen; the first page gets it." })
      .exactOptional(),
  })
  .meta({ id: "GuestName", description: "Name of the guest, if it has one." });

const guestSchema = z
  .object({ guest_id: z.string(), token: z.string(), expires_at: z.number() })
  .meta({ id: "Guest" });

/** Path of the endpoint that needs no credential. */
export const guestsPath = "/v1/guests";

/** Endpoint `POST /v1/guests`: a new guest, for a page without a token, or one that a backend names. */
export function guestEndpoint({ auth, core, guests, sockets }: HttpDoorOptions): Endpoint {
  return {
    method: "POST",
    path: guestsPath,
    spec: describe({
      summary:
        "Makes a guest: a token for a page whose visitor has none. Needs no credential, except to name the guest.",
      body: { "application/json": namedSchema },
      success: { status: 201, description: "The guest and its token.", schema: guestSchema },
    }),
    async handle(context) {
      if (guests === undefined) {
        throw new MilepostError(
          "not_supported",
          "this gateway admits no guests; set guests to true",
        );
      }
      const text = await readBody(context.env.incoming, core.limits.maxMessageBytes);
      const { name, claim } = text === "" ? {} : accepted(readJsonAs(namedSchema, text));
      if (name !== undefined) {
        requireService(await auth.authenticate(context.req.header("authorization")), "tickets");
      }
      const address = sockets.addresses.ofRequest(context.env.incoming);
      const guest =
        name !== undefined
          ? guests.issueNamed(name)
          : claim !== undefined
            ? await guests.issueClaimed(claim, address)
            : guests.issue(address);
      context.env.outgoing.setHeader("Cache-Control", "no-store");
      return answerJson(context, guest, 201);
    },
  };
}
