import type { ConnectionState } from "@milepost/client";

/** Actions of the panel beyond the fields that {@link useWebSocket} returns. */
export interface PanelControls {
  readonly state: ConnectionState;
  retryNow(): void;
  dismiss(item: { readonly id: string; readonly at: number }): void;
  hold(isHeld: boolean): void;
}

const controls = new WeakMap<object, PanelControls>();

/** Keeps the controls of what a hook returned. The value itself keeps exactly its documented fields. */
export function remember(websocket: object, own: PanelControls): void {
  controls.set(websocket, own);
}

/** Returns the controls of what a hook returned; undefined for an object that the application made itself. */
export function controlsOf(websocket: object): PanelControls | undefined {
  return controls.get(websocket);
}
