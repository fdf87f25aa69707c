import type { DoorFactory } from "./door.ts";
import { longPollDoor } from "./long-poll/door.ts";
import { sessionFeedDoor } from "./session-feed/door.ts";
import { sseDoor } from "./sse/door.ts";
import { webSocketDoor } from "./websocket/door.ts";

/**
 * The doors of every gateway. The first door that claims the path of an upgrade request answers it, so the session feed
 * comes before the WebSocket door, which claims everything below `/ws`.
 */
export const doors: readonly DoorFactory[] = [
  sessionFeedDoor,
  webSocketDoor,
  sseDoor,
  longPollDoor,
];
