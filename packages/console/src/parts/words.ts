const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const time = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

/** Returns a number in words: 1,234 or 3.5. */
export function numberText(value: number): string {
  return Math.abs(value) < 10 ? fine.format(value) : whole.format(value);
}

/** Returns a number of bytes in words: 1.5 MiB. */
export function bytesText(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let left = value;
  while (left >= 1_024 && unit < units.length - 1) {
    left /= 1_024;
    unit++;
  }
  return `${numberText(left)} ${units[unit]}`;
}

/** Returns a moment in words, in the time zone of the browser. */
export function momentText(at: number): string {
  return time.format(at);
}

/** Returns the time of day of a moment, in the time zone of the browser. */
export function clockText(at: number): string {
  return clock.format(at);
}

/** Returns a span of time in words: 350 ms, 12 s, 5 min. */
export function spanText(ms: number): string {
  return ms < 1_000 ? `${whole.format(ms)} ms` : sinceText(0, ms);
}

/** Returns a share in words: 12 %. */
export function shareText(share: number): string {
  return `${whole.format(share * 100)} %`;
}

/** Returns the time since a moment in words: 3 min. */
export function sinceText(at: number, now = Date.now()): string {
  const seconds = Math.max(0, Math.floor((now - at) / 1_000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** Returns a number of connections in words. */
export function connectionsText(count: number): string {
  return count === 1 ? "1 connection" : `${numberText(count)} connections`;
}
