import { errorOfClose, MilepostError } from "@milepost/protocol";
import { type HttpEndpoint, Refused } from "./http-endpoint.ts";
import { sdkName } from "./sdk.ts";
import { type RawMessage, readFrame } from "./server-frame.ts";

/**
 * Shows a token to the gateway with a short call, for a connection that no node knows. Resolves with the frame of the
 * gateway's welcome; rejects with {@link Refused} if it does not accept the token. `signal` aborts the call in place
 * of the end of the connection.
 */
export async function proveToken(
  endpoint: HttpEndpoint,
  token = endpoint.token,
  signal?: AbortSignal,
): Promise<string> {
  const path = `/ws/poll?sdk=${sdkName()}`;
  const response = await endpoint.call(path, { body: "[]", token, signal });
  return response.text();
}

/** Returns the welcome in a frame. */
export function welcomeOf(frame: string): RawMessage | undefined {
  return readFrame(frame, () => {}).find(({ type }) => type === "welcome");
}

/** Returns the user and the session that a welcome names, as one text. */
export function ownerOf(welcome: RawMessage | undefined): string {
  return JSON.stringify([welcome?.user_id, welcome?.session_id]);
}

/** Answers an `auth` message in the gateway's place with what became of the token. */
export function authReply(id: unknown, error?: unknown): string {
  const outcome = error === undefined ? { result: {} } : { error: errorOf(error).toFailure() };
  return JSON.stringify({ type: "reply", id: id ?? null, ...outcome });
}

/** Returns the error for a token of another user or session. */
export function otherOwner(): MilepostError {
  return new MilepostError("forbidden", "use a token for the same user and session");
}

function errorOf(error: unknown): MilepostError {
  if (error instanceof MilepostError) return error;
  if (error instanceof Refused) return new MilepostError(errorOfClose(error.code), error.message);
  return new MilepostError("unavailable", "the gateway cannot be reached", { cause: error });
}
