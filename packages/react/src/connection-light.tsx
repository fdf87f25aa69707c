"use client";
import type { ReactNode } from "react";
import type { PanelTexts } from "./panel-texts.ts";
import { useClient } from "./provider.tsx";
import { useConnection } from "./use-connection.ts";
import { useNow } from "./use-now.ts";

/** State of the connection, as a light with words, and a button to reconnect at once. */
export function ConnectionLight({ texts }: { readonly texts: PanelTexts }): ReactNode {
  const client = useClient();
  const { state, quality } = useConnection(({ state, metrics }) => ({
    state,
    quality: metrics.quality,
  }));
  const waits = state.state === "reconnecting";
  const now = useNow(waits);
  const seconds = waits ? Math.max(0, Math.ceil((state.retryAt - now) / 1_000)) : 0;
  return (
    <div className="mp-connection" data-state={state.state} data-quality={quality}>
      <span className="mp-light" aria-hidden="true" />
      <span className="mp-connection-text">{texts.connection(state, seconds)}</span>
      {waits && (
        <button type="button" className="mp-button mp-small" onClick={() => client.retryNow()}>
          {texts.retryNow}
        </button>
      )}
    </div>
  );
}
