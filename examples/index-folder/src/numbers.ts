const numbers = new Intl.NumberFormat("en");
const tenths = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** Formats a number with separators: `12,480`. */
export function count(value: number): string {
  return numbers.format(Math.round(value));
}

/** Formats a measurement to a tenth, with separators: `0.4`, `1,250.0`. */
export function measured(value: number): string {
  return tenths.format(value);
}

/** Formats a count with its noun: `1 file`, `12,480 files`. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${Math.round(value) === 1 ? one : many}`;
}

/** Formats a size in bytes for people: `812 B`, `4.3 MB`. */
export function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let size = value;
  let unit = 0;
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 || size >= 99.95 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}
