/** Returns a time in words, from microseconds. */
export function timeWords(us: number): string {
  if (us < 1_000) return `${Math.round(us)} µs`;
  if (us < 1_000_000) return `${digits(us / 1_000)} ms`;
  return `${digits(us / 1_000_000)} s`;
}

/** Returns a number with a mark between its thousands, with at most one decimal. */
export function numberWords(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: value < 100 ? 1 : 0 });
}

/** Returns a number of bytes in words, in units of 1,024. */
export function byteWords(bytes: number): string {
  const size = Math.abs(bytes);
  if (size < 1_024) return `${Math.round(bytes)} B`;
  if (size < 1_048_576) return `${digits(bytes / 1_024)} KB`;
  return `${digits(bytes / 1_048_576)} MB`;
}

function digits(value: number): string {
  return value.toFixed(Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0);
}
