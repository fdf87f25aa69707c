import { type Client, createClient } from "@milepost/client";
import { visitorToken } from "@milepost/react/studio";
import { backendUrl } from "../backend.ts";

/** Creates the client of the shared workflow and of the queue, for the guest that `useWebSocket` is. */
export function createBoardClient(userId: string): Client {
  return createClient({ url: backendUrl, token: visitorToken({ url: backendUrl, userId }) });
}
