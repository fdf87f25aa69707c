import "./waiting-line.css";
import type { WaitingState } from "@milepost/model";
import { count, ordinal } from "../words/count.ts";
import { roughly } from "../words/duration.ts";

/** Returns the position in the waiting line in words, with the estimated wait when it is known. */
export function waitingWords({ position, estimated_wait_ms }: WaitingState): string {
  const place = position === 1 ? "Next in line" : `${ordinal(position)} in line`;
  return estimated_wait_ms === undefined ? place : `${place}, ${roughly(estimated_wait_ms)}`;
}

const drawn = 12;

/** Waiting line, drawn with one stone per waiting run; the visitor's own stone is marked. */
export function WaitingLine({ waiting }: { readonly waiting: WaitingState }) {
  const total = Math.max(waiting.total, waiting.position);
  const places = Array.from({ length: Math.min(total, drawn) }, (_, index) => index + 1);
  return (
    <div className="line" data-tone="wait">
      <p className="line__words">{waitingWords(waiting)}</p>
      <ol className="line__places" aria-hidden="true">
        {places.map((place) => (
          <li key={place} className="line__place" data-own={place === waiting.position}>
            {place === waiting.position ? "you" : ""}
          </li>
        ))}
        {total > drawn ? <li className="line__more">+{count(total - drawn)}</li> : null}
      </ol>
    </div>
  );
}
