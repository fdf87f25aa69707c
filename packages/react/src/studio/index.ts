export { RealtimeStatusPanel, type RealtimeStatusPanelProps } from "./realtime-status-panel.tsx";
export { englishRealtimeTexts, type RealtimeTexts } from "./realtime-texts.ts";
export type { StudioTransport, UseWebSocketOptions } from "./studio-connection.ts";
export {
  type StudioWebSocket,
  useWebSocket,
  type WebSocketError,
  type WebSocketNotification,
} from "./use-web-socket.ts";
export { type VisitorTokenOptions, visitorToken } from "./visitor-token.ts";
