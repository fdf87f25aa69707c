import type { RegisterSession } from "@milepost/core";
import { z } from "zod";
import { answerJson, answerNothing } from "../answer.ts";
import { readBody } from "../body.ts";
import { describe } from "../description.ts";
import type { Endpoint, HttpContext, HttpDoorOptions } from "../endpoint.ts";
import { accepted, readJsonAs } from "../reading.ts";

const registerSchema = z
  .strictObject({
    user: z
      .string()
      .min(1)
      .max(1_024)
      .meta({ description: "Tokens of another user are refused with this session." })
      .exactOptional(),
    ttl_ms: z.number().meta({ description: "Time until the session ends, in milliseconds." }),
    credential: z
      .boolean()
      .meta({ description: "True to make a secret that opens the session's feed." })
      .exactOptional(),
  })
  .meta({ id: "RegisterSession" });

const viewShape = {
  session_id: z.string(),
  user_id: z.string().exactOptional(),
  expires_at: z.number(),
  has_credential: z.boolean(),
};
const sessionSchema = z.object(viewShape).meta({ id: "Session" });
const registeredSchema = z
  .object({
    ...viewShape,
    credential: z
      .string()
      .meta({ description: "The secret, only in the answer that made it." })
      .exactOptional(),
  })
  .meta({ id: "RegisteredSession" });

/** Endpoints of `/v1/sessions`: register, extend, read and end sessions. */
export function sessionEndpoints({ core }: HttpDoorOptions): readonly Endpoint[] {
  const { sessions } = core;
  const body = { "application/json": registerSchema };
  const read = async (context: HttpContext): Promise<RegisterSession> => {
    const text = await readBody(context.env.incoming, core.limits.maxMessageBytes);
    const { ttl_ms: ttlMs, ...rest } = accepted(readJsonAs(registerSchema, text));
    return { ...rest, ttlMs };
  };
  const register = async (context: HttpContext) => {
    const input = await read(context);
    const id = context.req.param("id");
    const registered = await sessions.register(context.get("principal"), id, input);
    return answerJson(context, registered, id === undefined ? 201 : 200);
  };
  const success = { description: "The session.", schema: registeredSchema };
  return [
    {
      method: "POST",
      path: "/v1/sessions",
      spec: describe({
        summary: "Registers a session under an id that the gateway makes.",
        body,
        success: { status: 201, ...success },
      }),
      handle: register,
    },
    {
      method: "PUT",
      path: "/v1/sessions/:id",
      spec: describe({
        summary: "Registers a session, or extends it.",
        body,
        success: { status: 200, ...success },
      }),
      handle: register,
    },
    {
      method: "GET",
      path: "/v1/sessions/:id",
      spec: describe({
        summary: "Reads a registered session.",
        success: { status: 200, description: "The session.", schema: sessionSchema },
      }),
      async handle(context) {
        const id = context.req.param("id") ?? "";
        return answerJson(context, await sessions.get(context.get("principal"), id));
      },
    },
    {
      method: "DELETE",
      path: "/v1/sessions/:id",
      spec: describe({
        summary: "Ends a session: revokes its tokens and closes its connections on every node.",
        success: { status: 204, description: "The session has ended." },
      }),
      async handle(context) {
        await sessions.end(context.get("principal"), context.req.param("id") ?? "");
        return answerNothing(context);
      },
    },
  ];
}
