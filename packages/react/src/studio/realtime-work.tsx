"use client";
import {
  type PersonalGeneration,
  type PersonalPreview,
  type PersonalSync,
  syncStages,
} from "@milepost/model";
import { type ReactNode, useId } from "react";
import type { RealtimeTexts } from "./realtime-texts.ts";

const marks = { pending: "○", running: "▶", done: "✓", failed: "✕" } as const;

/** Progress of a synchronisation: its bar and its stages. */
export function SyncPart({
  sync,
  texts,
}: {
  readonly sync: PersonalSync;
  readonly texts: RealtimeTexts;
}): ReactNode {
  const current = syncStages.indexOf(sync.stage);
  const isComplete = sync.stage === "complete";
  const statusOf = (at: number) => {
    if (at < current || isComplete) return "done";
    if (at > current) return "pending";
    return sync.failed ? "failed" : "running";
  };
  return (
    <Part title={texts.sync} tone={sync.failed ? "failed" : isComplete ? "done" : "running"}>
      <Bar
        percent={sync.percent}
        label={texts.sync}
        says={texts.progress(sync.percent, texts.stages[sync.stage])}
      />
      {sync.message !== "" && <p className="mp-message">{sync.message}</p>}
      <ol className="mp-realtime-stages">
        {syncStages.map((stage, at) => {
          const status = statusOf(at);
          return (
            <li
              key={stage}
              className="mp-realtime-stage"
              data-status={status}
              aria-current={status === "running" ? "step" : undefined}
            >
              <span className="mp-step-mark" aria-hidden="true">
                {marks[status]}
              </span>
              {texts.stages[stage]}
              <span className="mp-hidden">: {texts.stageStatus[status]}</span>
            </li>
          );
        })}
      </ol>
    </Part>
  );
}

/** Status of a preview as a badge, with a link to it. */
export function PreviewPart({
  preview,
  texts,
}: {
  readonly preview: PersonalPreview;
  readonly texts: RealtimeTexts;
}): ReactNode {
  const { status, url, message } = preview;
  const address = url === undefined ? undefined : webAddress(url);
  return (
    <Part title={texts.preview} tone={status === "error" ? "failed" : "running"}>
      <p className="mp-status-line">
        <span className="mp-badge mp-preview" data-preview={status}>
          {texts.previewStatus[status] ?? status}
        </span>
        {address !== undefined && (
          <a className="mp-realtime-link" href={address} target="_blank" rel="noopener noreferrer">
            {texts.openPreview}
          </a>
        )}
      </p>
      {message !== undefined && message !== "" && <p className="mp-message">{message}</p>}
    </Part>
  );
}

/** Progress of generated work, with the end of its text. */
export function GenerationPart({
  generation,
  texts,
}: {
  readonly generation: PersonalGeneration;
  readonly texts: RealtimeTexts;
}): ReactNode {
  const { percent, message, status, preview } = generation;
  const tone =
    status === "failed" || status === "lost" ? "failed" : status === "done" ? "done" : "running";
  // A keyboard can only scroll what it can focus.
  const scrolls = { tabIndex: 0, role: "group", "aria-label": texts.generatedText };
  return (
    <Part title={texts.generation} tone={tone}>
      <Bar percent={percent} label={texts.generation} says={texts.progress(percent, message)} />
      {message !== "" && <p className="mp-message">{message}</p>}
      {preview !== "" && (
        <pre className="mp-realtime-preview" {...scrolls}>
          {preview}
        </pre>
      )}
    </Part>
  );
}

function Part({
  title,
  tone,
  children,
}: {
  readonly title: string;
  readonly tone: "running" | "done" | "failed";
  readonly children: ReactNode;
}): ReactNode {
  const id = useId();
  return (
    <section className="mp-realtime-part" aria-labelledby={id} data-tone={tone}>
      <h3 id={id} className="mp-realtime-title">
        {title}
      </h3>
      {children}
    </section>
  );
}

function Bar({
  percent,
  label,
  says,
}: {
  readonly percent: number;
  readonly label: string;
  readonly says: string;
}): ReactNode {
  return (
    <div className="mp-progress-row">
      <div
        className="mp-progress"
        role="progressbar"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={percent}
        aria-valuetext={says}
      >
        <div className="mp-progress-bar" style={{ inlineSize: `${percent}%` }} />
      </div>
      <span className="mp-percent" aria-hidden="true">
        {percent} %
      </span>
    </div>
  );
}

/** Returns an address that may be linked; undefined for a script or anything else that is no page. */
function webAddress(url: string): string | undefined {
  try {
    const { protocol, href } = new URL(url, globalThis.location?.href);
    return protocol === "http:" || protocol === "https:" ? href : undefined;
  } catch {
    return undefined;
  }
}
