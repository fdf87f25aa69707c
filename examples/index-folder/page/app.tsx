import { MilepostProvider } from "@milepost/react";
import { DemoError } from "./demo/demo-request.ts";
import { visitToken } from "./demo/visit.ts";
import { Desk } from "./desk.tsx";

/** The gateway stands where the page came from. */
const gateway = new URL("/ws", window.location.href).href;

/** An unreachable service shows in the connection's state; whatever else nobody waits for is a fault. */
function onError(error: unknown): void {
  if (!(error instanceof DemoError && error.code === "unreachable")) console.error(error);
}

/** The demo's page. */
export function App() {
  return (
    <MilepostProvider url={gateway} token={visitToken} onError={onError}>
      <Desk />
    </MilepostProvider>
  );
}
