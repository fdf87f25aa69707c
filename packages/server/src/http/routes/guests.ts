import { MilepostError } from "@milepost/protocol";
import { z } from "zod";
import { answerJson } from "../answer.ts";
import { describe } from "../description.ts";
import type { Endpoint, HttpDoorOptions } from "../endpoint.ts";

const guestSchema = z
  .object({ guest_id: z.string(), token: z.string(), expires_at: z.number() })
  .meta({ id: "Guest" });

/** Path of the endpoint that needs no credential. */
export const guestsPath = "/v1/guests";

/** Endpoint `POST /v1/guests`: a new guest, for a page without a token. */
export function guestEndpoint({ guests, sockets }: HttpDoorOptions): Endpoint {
  return {
    method: "POST",
    path: guestsPath,
    spec: describe({
      summary: "Makes a guest: a token for a page whose visitor has none. Needs no credential.",
      success: { status: 201, description: "The guest and its token.", schema: guestSchema },
    }),
    handle(context) {
      if (guests === undefined) {
        throw new MilepostError(
          "not_supported",
          "this gateway admits no guests; set guests to true",
        );
      }
      const guest = guests.issue(sockets.addresses.ofRequest(context.env.incoming));
      context.env.outgoing.setHeader("Cache-Control", "no-store");
      return answerJson(context, guest, 201);
    },
  };
}
