/** Formats milliseconds like a clock: `0:07`, `12:30`, `1:02:03`. Negative spans become zero. */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const s = String(seconds % 60).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${s}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${s}`;
}

/** Formats milliseconds in words: `< 1 ms`, `40 ms`, `4.2 s`, `2 min 5 s`, `1 h 3 min`. */
export function duration(ms: number): string {
  if (ms < 1) return "< 1 ms";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 9_950) return `${(ms / 1000).toFixed(1).replace(".0", "")} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60)
    return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/**
 * Formats an estimate in milliseconds without false precision: `a few seconds`, `about 20 s`, `about 3 min`.
 */
export function roughly(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 4) return "a few seconds";
  if (seconds < 50) return `about ${Math.round(seconds / 5) * 5} s`;
  if (seconds < 90) return "about 1 min";
  if (seconds < 3000) return `about ${Math.round(seconds / 60)} min`;
  if (seconds < 5400) return "about 1 h";
  return `about ${Math.round(seconds / 3600)} h`;
}

/** Formats a time of day with seconds: `14:03:59`. */
export function timeOfDay(at: number): string {
  return new Date(at).toLocaleTimeString("en-GB");
}
