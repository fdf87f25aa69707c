import "./road.css";
import type { StepState } from "@milepost/model";
import type { CSSProperties } from "react";
import { wholePercent } from "../words/count.ts";
import { milestones } from "./milestones.ts";
import type { Tone } from "./status-words.ts";

interface Props {
  readonly steps: readonly StepState[];
  readonly percent: number;
  readonly tone: Tone;
  /** Status and step in words. Assistive technology reads them besides the percentage. */
  readonly words: string;
  /** True while nothing moves; the road ahead is then drawn as halted. */
  readonly halted: boolean;
}

function at(percent: number): CSSProperties {
  return { "--at": `${percent}%` } as CSSProperties;
}

/**
 * Road of a run on a scale of 0 to 100, with the travelled part, a needle, and a milestone where each step
 * ends. The distance between two milestones is the weight of the step between them.
 */
export function Road({ steps, percent, tone, words, halted }: Props) {
  const whole = wholePercent(percent);
  return (
    <div
      className="road"
      data-tone={tone}
      data-halted={halted}
      data-begun={percent > 0}
      data-arrived={percent >= 100}
    >
      <ol className="road__posts" aria-hidden="true">
        {milestones(steps).map(({ id, number, end, status, tier }) => (
          <li key={id} className="post" data-status={status} data-tier={tier} style={at(end)}>
            <span className="post__stone">{number}</span>
          </li>
        ))}
      </ol>
      <div
        className="road__bed"
        role="progressbar"
        aria-label="Overall progress"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={whole}
        aria-valuetext={`${whole} %, ${words}`}
      >
        <div className="road__done" style={at(percent)} />
        <div className="road__needle" style={at(percent)} />
      </div>
      <div className="road__scale" aria-hidden="true">
        {[0, 25, 50, 75, 100].map((mark) => (
          <span key={mark} style={at(mark)}>
            {mark}
          </span>
        ))}
      </div>
    </div>
  );
}
