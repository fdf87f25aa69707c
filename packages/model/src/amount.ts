import { type Parsed, parsed, refused } from "@milepost/protocol";

/**
 * An exact amount of 0 or more, such as a number of tokens or a cost: a decimal number as text, with at most 15 digits
 * before the point and 9 after it. `"12"` and `"0.25"` are amounts; exponents and signs are not.
 */
export type Amount = string;

/** An amount as a caller may write it: a text, or a whole number. */
export type AmountInput = string | number;

const fractionDigits = 9;
const scale = 10n ** BigInt(fractionDigits);
const maxUnits = 10n ** 15n * scale - 1n;
const written = /^(0|[1-9]\d{0,14})(?:\.(\d{1,9}))?$/;
/** Below this many digits, the sum of two whole amounts is exact as a number. */
const safeDigits = 14;

/** The largest amount. A sum that exceeds it stays there. */
export const maxAmount: Amount = "999999999999999.999999999";

/** Reads an amount, and returns it without leading or trailing zeros that mean nothing. */
export function readAmount(value: unknown): Parsed<Amount> {
  const text = typeof value === "number" ? wholeText(value) : value;
  const parts = typeof text === "string" ? written.exec(text) : null;
  if (parts === null) {
    return refused(
      "bad_message",
      'must be a whole number of 0 or more, or a decimal number as text such as "0.25", with at most 15 digits before the point and 9 after it',
    );
  }
  return parsed(joined(parts[1] ?? "0", parts[2] ?? ""));
}

/** Returns the exact sum of two amounts, at most {@link maxAmount}. */
export function addAmounts(a: Amount, b: Amount): Amount {
  if (isSmallWhole(a) && isSmallWhole(b)) return String(Number(a) + Number(b));
  return textOfUnits(unitsOf(a) + unitsOf(b));
}

/** Returns the exact difference of two amounts, at least 0. */
export function subtractAmounts(a: Amount, b: Amount): Amount {
  return textOfUnits(unitsOf(a) - unitsOf(b));
}

/** Compares two amounts: negative if `a` is less, 0 if they are equal, positive if `a` is more. */
export function compareAmounts(a: Amount, b: Amount): number {
  const difference = unitsOf(a) - unitsOf(b);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

function wholeText(value: number): string | undefined {
  return Number.isSafeInteger(value) && value >= 0 ? String(value) : undefined;
}

function isSmallWhole(amount: Amount): boolean {
  return amount.length <= safeDigits && !amount.includes(".");
}

/** Returns an amount in units of one billionth. */
function unitsOf(amount: Amount): bigint {
  const point = amount.indexOf(".");
  if (point < 0) return BigInt(amount) * scale;
  const fraction = amount.slice(point + 1).padEnd(fractionDigits, "0");
  return BigInt(amount.slice(0, point)) * scale + BigInt(fraction);
}

function textOfUnits(units: bigint): Amount {
  if (units <= 0n) return "0";
  const bounded = units > maxUnits ? maxUnits : units;
  const fraction = String(bounded % scale).padStart(fractionDigits, "0");
  return joined(String(bounded / scale), fraction);
}

function joined(whole: string, fraction: string): Amount {
  const end = fraction.replace(/0+$/, "");
  return end === "" ? whole : `${whole}.${end}`;
}
