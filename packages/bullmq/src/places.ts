/** Place of one job that waits. */
export interface Place {
  readonly position: number;
  readonly total: number;
  readonly estimated_wait_ms?: number;
}

/** Positions that are told at every change. */
const exactPositions = 10;
/** Time after which a place that has changed at all is told, in milliseconds. */
const refreshMs = 30_000;

/** Place of a job as it was reported last, and the time of that report. */
export interface ToldPlace {
  readonly place: Place;
  readonly at: number;
}

/** True if a place differs so much from the one told last that people want to know: as in the queues of the gateway. */
export function isNews(place: Place, told: ToldPlace | undefined, now: number): boolean {
  if (told === undefined) return true;
  const { position, total } = told.place;
  if (place.position === position && place.total === total) return false;
  if (place.position !== position) {
    if (place.position <= exactPositions) return true;
    if (Math.abs(place.position - position) >= position / 10) return true;
  }
  return now - told.at >= refreshMs;
}

/** Mean time between the ends of jobs, over the latest ones. From it follows how long a job waits. */
export class Pace {
  readonly #ends: number[] = [];

  /** Notes that a job has ended now. */
  ended(now: number): void {
    this.#ends.push(now);
    if (this.#ends.length > 21) this.#ends.shift();
  }

  /** Time until the job at this position runs, in milliseconds; undefined before three jobs have ended. */
  waitMs(position: number): number | undefined {
    const [first] = this.#ends;
    const last = this.#ends.at(-1);
    if (first === undefined || last === undefined || this.#ends.length < 3) return undefined;
    return Math.round(((last - first) / (this.#ends.length - 1)) * position);
  }
}
