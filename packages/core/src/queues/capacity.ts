import type { QueueSchedule } from "@milepost/engine";
import {
  type CapacitySchedule,
  type CapacityTime,
  type QueueCapacity,
  type Weekday,
  weekdays,
} from "@milepost/model";
import { isRecord } from "@milepost/protocol";
import { queueBounds } from "./queue-rule.ts";

const maxTimes = 14;
const minutesOfDay = 1_440;
const minutesOfWeek = 7 * minutesOfDay;
const clockTime = /^(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)$/;

/** Explains what is wrong with a capacity, and how to write it; undefined if it is valid. */
export function capacityFault(value: unknown): string | undefined {
  if (value === "workers" || isCount(value)) return undefined;
  if (!isRecord(value)) {
    return `must be "workers", a whole number from 0 to ${queueBounds.capacity}, or a schedule such as {"times": [{"days": ["mon"], "from": "08:00", "to": "18:00", "capacity": 4}]}`;
  }
  const { time_zone, default: other = 0, times } = value;
  const unknown = unknownField(value, ["time_zone", "default", "times"]);
  if (unknown !== undefined) return unknown;
  if (time_zone !== undefined && !isTimeZone(time_zone)) {
    return "has a time_zone that is not known; use an IANA name such as Europe/Berlin, or UTC";
  }
  if (!isCount(other)) return countFault("default");
  if (!Array.isArray(times) || times.length < 1 || times.length > maxTimes)
    return `must have times, a list of 1 to ${maxTimes}`;
  for (const [i, time] of times.entries()) {
    const fault = timeFault(time);
    if (fault !== undefined) return `times[${i}] ${fault}`;
  }
  return undefined;
}

function timeFault(time: unknown): string | undefined {
  if (!isRecord(time)) return "must have from, to and capacity";
  const unknown = unknownField(time, ["days", "from", "to", "capacity"]);
  if (unknown !== undefined) return unknown;
  const { days, capacity } = time;
  for (const name of ["from", "to"] as const) {
    const text = time[name];
    if (typeof text !== "string" || !clockTime.test(text))
      return `must have ${name} as HH:MM, from 00:00 to 24:00`;
  }
  const isDays = Array.isArray(days) && days.length > 0 && days.every(isWeekday);
  if (days !== undefined && !isDays) return `must have days out of ${weekdays.join(", ")}`;
  return isCount(capacity) ? undefined : countFault("capacity");
}

function unknownField(
  value: Record<string, unknown>,
  known: readonly string[],
): string | undefined {
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  return unknown === undefined
    ? undefined
    : `has an unknown field ${JSON.stringify(unknown)}; use ${known.join(", ")}`;
}

function countFault(name: string): string {
  return `must have ${name} as a whole number from 0 to ${queueBounds.capacity}`;
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= queueBounds.capacity;
}

function isWeekday(value: unknown): value is Weekday {
  return (weekdays as readonly unknown[]).includes(value);
}

function isTimeZone(value: unknown): value is string {
  if (typeof value !== "string" || value.length > 64) return false;
  try {
    return minutesAhead(value, 0) !== undefined;
  } catch {
    return false;
  }
}

/**
 * Returns a capacity in the form of the store. A schedule has its times in UTC, as they are in the week of `now`: where
 * clocks change, the schedule must be made anew.
 */
export function storedCapacity(
  capacity: QueueCapacity,
  now: number,
): number | "workers" | QueueSchedule {
  if (typeof capacity !== "object") return capacity;
  const ahead = minutesAhead(capacity.time_zone ?? "UTC", now);
  const edges = new Set<number>([0]);
  for (const { from, to } of capacity.times) {
    for (let day = 0; day < weekdays.length; day++) {
      for (const time of [from, to])
        edges.add((day * minutesOfDay + minuteOf(time)) % minutesOfWeek);
    }
  }
  const changes = [...edges]
    .map((local) => ({
      minute: (local - ahead + minutesOfWeek) % minutesOfWeek,
      capacity: scheduledAt(capacity, local),
    }))
    .sort((a, b) => a.minute - b.minute);
  return {
    weekly: changes
      .filter(
        ({ capacity: value }, i) => changes.at(i - 1)?.capacity !== value || changes.length === 1,
      )
      .concat(isConstant(changes) ? changes.slice(0, 1) : []),
  };
}

function isConstant(changes: readonly { readonly capacity: number }[]): boolean {
  return changes.length > 1 && changes.every(({ capacity }) => capacity === changes[0]?.capacity);
}

/** Returns the capacity at a local minute of the week. */
function scheduledAt(schedule: CapacitySchedule, minute: number): number {
  const day = Math.floor(minute / minutesOfDay);
  const found = schedule.times.find((time) => holds(time, day, minute % minutesOfDay));
  return found?.capacity ?? schedule.default ?? 0;
}

function holds({ days, from, to }: CapacityTime, day: number, minute: number): boolean {
  const begin = minuteOf(from);
  const end = minuteOf(to);
  const isDay = (index: number) => {
    const name = weekdays[(index + 7) % 7];
    return days === undefined || (name !== undefined && days.includes(name));
  };
  if (end > begin) return isDay(day) && minute >= begin && minute < end;
  // It lasts over midnight, so the part after midnight belongs to the day before.
  return (isDay(day) && minute >= begin) || (isDay(day - 1) && minute < end);
}

function minuteOf(text: string): number {
  const [hours = 0, minutes = 0] = text.split(":").map(Number);
  return hours * 60 + minutes;
}

/** Returns the minutes by which a time zone is ahead of UTC; negative where it is behind. Throws for an unknown zone. */
function minutesAhead(timeZone: string, now: number): number {
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  const parts = new Map(format.formatToParts(now).map(({ type, value }) => [type, Number(value)]));
  const part = (name: Intl.DateTimeFormatPartTypes) => parts.get(name) ?? 0;
  const local = Date.UTC(
    part("year"),
    part("month") - 1,
    part("day"),
    part("hour"),
    part("minute"),
  );
  return Math.round(local / 60_000 - Math.floor(now / 60_000));
}
