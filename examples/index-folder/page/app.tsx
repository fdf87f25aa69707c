import { MilepostProvider } from "@milepost/react";
import { DemoError } from "./demo/demo-request.ts";
import { visitToken } from "./demo/visit.ts";
import { Desk } from "./desk.tsx";

/** Address of the gateway. It has the same origin as the page. */
const gateway = new URL("/ws", window.location.href).href;

/** Reports errors to the console, except an unreachable service, which the connection's state already shows. */
function onError(error: unknown): void {
  if (!(error instanceof DemoError && error.code === "unreachable")) console.error(error);
}

/** Page of the demo. */
export function App() {
  return (
    <MilepostProvider url={gateway} token={visitToken} onError={onError}>
      <Desk />
    </MilepostProvider>
  );
}
