import { requireService } from "@milepost/core";
import { z } from "zod";
import { answerJson } from "../answer.ts";
import { describe } from "../description.ts";
import type { Endpoint, HttpDoorOptions } from "../endpoint.ts";

const issuedSchema = z
  .object({
    token: z.string(),
    expires_at: z.number(),
    renewable_until: z.number(),
    name: z.string(),
  })
  .meta({ id: "ConsoleToken" });

/** Endpoint `POST /v1/console/tokens`: exchanges an API key for a token that the console holds in memory. */
export function consoleTokenEndpoint({ auth }: HttpDoorOptions): Endpoint {
  return {
    method: "POST",
    path: "/v1/console/tokens",
    spec: describe({
      summary:
        "Exchanges an API key, or a valid token of the console, for a token of 15 minutes with the key's scopes.",
      success: { status: 201, description: "The token.", schema: issuedSchema },
    }),
    handle(context) {
      const service = requireService(context.get("principal"), "console");
      return answerJson(context, auth.consoleTokens.issue(service), 201);
    },
  };
}
