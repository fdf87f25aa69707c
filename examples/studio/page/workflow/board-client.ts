import { createClient } from "@milepost/client";
import { visitorToken } from "@milepost/react/studio";
import type { DocumentClient } from "@milepost/yjs";
import { backendUrl } from "../backend.ts";

/** Creates the client of the shared workflow, for the guest that `useWebSocket` is. */
export function createBoardClient(userId: string): DocumentClient {
  return createClient({ url: backendUrl, token: visitorToken({ url: backendUrl, userId }) });
}
