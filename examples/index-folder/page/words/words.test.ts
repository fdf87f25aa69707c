import { describe, expect, it } from "vitest";
import { bytes, count, counted, measured, ordinal, wholePercent } from "./count.ts";
import { clock, duration, roughly } from "./duration.ts";

describe("the formats of durations", () => {
  it("clock formats a duration like a clock and shows hours only when there are any", () => {
    expect([-5, 0, 7_900, 750_000, 3_723_000].map(clock)).toEqual([
      "0:00",
      "0:00",
      "0:07",
      "12:30",
      "1:02:03",
    ]);
  });

  it("duration uses at most two units", () => {
    expect([0, 40, 4_200, 5_000, 9_949, 9_950, 60_000, 125_000, 3_780_000].map(duration)).toEqual([
      "< 1 ms",
      "40 ms",
      "4.2 s",
      "5 s",
      "9.9 s",
      "10 s",
      "1 min",
      "2 min 5 s",
      "1 h 3 min",
    ]);
  });

  it("roughly rounds an estimate as coarsely as it deserves", () => {
    expect([900, 18_000, 61_000, 200_000, 3_600_000, 9_000_000].map(roughly)).toEqual([
      "a few seconds",
      "about 20 s",
      "about 1 min",
      "about 3 min",
      "about 1 h",
      "about 3 h",
    ]);
  });
});

describe("the formats of counts", () => {
  it("counts have separators and the right form of the noun", () => {
    expect(count(12480)).toBe("12,480");
    expect([0, 0.44, 1_250].map(measured)).toEqual(["0.0", "0.4", "1,250.0"]);
    expect([counted(1, "file"), counted(0, "file"), counted(2, "entry", "entries")]).toEqual([
      "1 file",
      "0 files",
      "2 entries",
    ]);
  });

  it("ordinal gives the right ending for every number, including the teens", () => {
    expect([1, 2, 3, 4, 11, 12, 13, 21, 102, 111].map(ordinal)).toEqual(
      "1st 2nd 3rd 4th 11th 12th 13th 21st 102nd 111th".split(" "),
    );
  });

  it("bytes uses the unit that a person would choose", () => {
    expect([0, 999, 1_000, 4_312_000, 999_960, 123_400_000].map(bytes)).toEqual([
      "0 B",
      "999 B",
      "1.0 kB",
      "4.3 MB",
      "1.0 MB",
      "123 MB",
    ]);
  });

  it("wholePercent never rounds a share up to 100", () => {
    expect([-1, 0.4, 99.97, 100, 120].map(wholePercent)).toEqual([0, 0, 99, 100, 100]);
  });
});
