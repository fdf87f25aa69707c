"use client";
import { type ReactNode, useId, useMemo } from "react";
import { controlsOf, type PanelControls } from "./panel-controls.ts";
import { englishRealtimeTexts, type RealtimeTexts } from "./realtime-texts.ts";
import { GenerationPart, PreviewPart, SyncPart } from "./realtime-work.tsx";
import { useSeconds } from "./use-seconds.ts";
import type { StudioWebSocket } from "./use-web-socket.ts";

/** Props of {@link RealtimeStatusPanel}. */
export interface RealtimeStatusPanelProps {
  /** Result of `useWebSocket`. Another object with the same fields works too. */
  readonly websocket: StudioWebSocket;
  /** Texts to use instead of the English ones. */
  readonly texts?: Partial<RealtimeTexts>;
  readonly className?: string;
}

/**
 * Panel with everything that is live for one person: connection, queue, synchronisation, preview, generation, errors
 * and notifications.
 *
 * Styles come from `@milepost/react/status-panel.css` and `@milepost/react/realtime-panel.css`. Screen readers hear of
 * a new stage or position, not of each percent.
 */
export function RealtimeStatusPanel({
  websocket,
  texts: given,
  className,
}: RealtimeStatusPanelProps): ReactNode {
  const texts = useMemo(() => ({ ...englishRealtimeTexts, ...given }), [given]);
  const title = useId();
  const controls = controlsOf(websocket);
  const { queuePosition, syncProgress, previewStatus, generationProgress } = websocket;
  const isIdle =
    queuePosition === null &&
    syncProgress === null &&
    previewStatus === null &&
    generationProgress === null;
  return (
    <section
      className={`mp-panel mp-realtime${className === undefined ? "" : ` ${className}`}`}
      aria-labelledby={title}
      data-stale={websocket.connected ? undefined : ""}
    >
      <header className="mp-header">
        <h2 id={title} className="mp-title">
          {texts.title}
        </h2>
        <Indicator connected={websocket.connected} controls={controls} texts={texts} />
      </header>
      {isIdle && <p className="mp-absence">{texts.idle}</p>}
      {queuePosition !== null && (
        <p className="mp-queue mp-realtime-queue">
          <span className="mp-realtime-place" aria-hidden="true">
            {queuePosition.position}/{queuePosition.total}
          </span>
          {texts.queue(
            queuePosition.position,
            queuePosition.total,
            queuePosition.estimated_wait_ms ?? queuePosition.estimatedWaitTime ?? undefined,
          )}
        </p>
      )}
      {syncProgress !== null && <SyncPart sync={syncProgress} texts={texts} />}
      {previewStatus !== null && <PreviewPart preview={previewStatus} texts={texts} />}
      {generationProgress !== null && (
        <GenerationPart generation={generationProgress} texts={texts} />
      )}
      <ErrorList websocket={websocket} controls={controls} texts={texts} />
      <PassingList websocket={websocket} controls={controls} texts={texts} />
      <Announcement websocket={websocket} texts={texts} />
    </section>
  );
}

interface PartProps {
  readonly websocket: StudioWebSocket;
  readonly controls: PanelControls | undefined;
  readonly texts: RealtimeTexts;
}

/** State of the connection, as a light with words. */
function Indicator({
  connected,
  controls,
  texts,
}: {
  readonly connected: boolean;
  readonly controls: PanelControls | undefined;
  readonly texts: RealtimeTexts;
}): ReactNode {
  const state = controls?.state;
  const waits = state?.state === "reconnecting";
  const now = useSeconds(waits);
  const seconds = waits ? Math.max(0, Math.ceil((state.retryAt - now) / 1_000)) : 0;
  const mayRetry = waits || state?.state === "closed";
  return (
    <div
      className="mp-connection"
      data-state={connected ? "connected" : (state?.state ?? "connecting")}
    >
      <span className="mp-light" aria-hidden="true" />
      <span className="mp-connection-text">
        {connected ? texts.connected : texts.disconnected(state, seconds)}
      </span>
      {mayRetry && (
        <button type="button" className="mp-button mp-small" onClick={controls?.retryNow}>
          {texts.retryNow}
        </button>
      )}
    </div>
  );
}

function ErrorList({ websocket, controls, texts }: PartProps): ReactNode {
  const { errors, clearErrors } = websocket;
  if (errors.length === 0) return null;
  return (
    <div className="mp-realtime-part">
      <ul className="mp-notifications" aria-label={texts.errors} role="alert">
        {errors.map((error) => (
          <Item
            key={`${error.at} ${error.id}`}
            item={error}
            level="error"
            {...{ controls, texts }}
          />
        ))}
      </ul>
      <button type="button" className="mp-button mp-small" onClick={clearErrors}>
        {texts.clearErrors}
      </button>
    </div>
  );
}

/** Notifications. None disappears while the pointer or the focus is on the list. */
function PassingList({ websocket, controls, texts }: PartProps): ReactNode {
  const { notifications, clearNotifications } = websocket;
  const whileRead = {
    onPointerEnter: () => controls?.hold(true),
    onPointerLeave: () => controls?.hold(false),
    onFocus: () => controls?.hold(true),
    onBlur: () => controls?.hold(false),
  };
  return (
    <div className="mp-realtime-part" hidden={notifications.length === 0} {...whileRead}>
      <ul className="mp-notifications" aria-label={texts.notifications} aria-live="polite">
        {notifications.map((one) => (
          <Item key={`${one.at} ${one.id}`} item={one} level={one.level} {...{ controls, texts }} />
        ))}
      </ul>
      {notifications.length > 1 && (
        <button type="button" className="mp-button mp-small" onClick={clearNotifications}>
          {texts.clearNotifications}
        </button>
      )}
    </div>
  );
}

function Item({
  item,
  level,
  controls,
  texts,
}: {
  readonly item: {
    readonly id: string;
    readonly at: number;
    readonly title?: string;
    readonly message: string;
  };
  readonly level: string;
  readonly controls: PanelControls | undefined;
  readonly texts: RealtimeTexts;
}): ReactNode {
  const { title, message } = item;
  return (
    <li className="mp-notification" data-level={level}>
      <span>
        {title !== undefined && <strong>{title} </strong>}
        {message}
      </span>
      {controls !== undefined && (
        <button
          type="button"
          className="mp-button mp-small"
          aria-label={texts.dismiss(title ?? message)}
          onClick={() => controls.dismiss(item)}
        >
          ×
        </button>
      )}
    </li>
  );
}

/** Text for screen readers only: it changes with the position, the stage and the preview, not with each percent. */
function Announcement({ websocket, texts }: Omit<PartProps, "controls">): ReactNode {
  const { queuePosition: queue, syncProgress: sync, previewStatus: preview } = websocket;
  const parts = [
    queue === null ? undefined : texts.queue(queue.position, queue.total, undefined),
    sync === null ? undefined : texts.stages[sync.stage],
    preview === null
      ? undefined
      : `${texts.preview}: ${texts.previewStatus[preview.status] ?? preview.status}`,
  ];
  return (
    <p className="mp-hidden" role="status">
      {parts.filter((part) => part !== undefined).join(", ")}
    </p>
  );
}
