import { describe, expect, it } from "vitest";
import { closeCodes } from "./close-codes.ts";
import { type CloseVerdict, closeNames, closeVerdict } from "./close-verdict.ts";

const codes = Object.entries(closeCodes).map(([code, { name, verdict }]) => ({
  code: Number(code),
  name,
  verdict,
}));

describe("verdicts of close codes", () => {
  it.each([
    [1000, "resume"],
    [1001, "resume"],
    [1006, "resume"],
    [1008, "resume"],
    [1009, "resume"],
    [1011, "resume"],
    [1012, "resume"],
    [1013, "resume"],
    [4000, "resume"],
    [4001, "resume"],
    [4002, "resume"],
    [4003, "resume"],
    [4004, "resume"],
    [4101, "reauthenticate"],
    [4102, "reauthenticate"],
    [4400, "stop"],
    [4401, "stop"],
    [4403, "stop"],
    [4408, "stop"],
    [4409, "later"],
    [4410, "stop"],
    [4413, "stop"],
    [4429, "later"],
  ] satisfies [number, CloseVerdict][])(
    "[P-CLOSE-1] the verdict of close code %i is %s",
    (code, verdict) => {
      expect(closeVerdict(code)).toBe(verdict);
    },
  );

  it("[P-CLOSE-1] closeVerdict and closeNames agree with every row of the table of close codes", () => {
    for (const { code, verdict } of codes) expect(closeVerdict(code), String(code)).toBe(verdict);
    expect(Object.values(closeNames)).toEqual(codes.map(({ name }) => name));
    expect(codes).toHaveLength(23);
  });

  it.each(codes.filter(({ code }) => code >= 4000))(
    "[P-CLOSE-1] close code $code $name has the verdict of its range of codes",
    ({ code, verdict }) => {
      const range = code < 4100 ? "resume" : code < 4200 ? "reauthenticate" : "stop";
      expect(verdict).toBe(code === 4409 || code === 4429 ? "later" : range);
      expect(code < 4200 || (code >= 4400 && code <= 4499)).toBe(true);
    },
  );

  it.each([
    [4004, "resume"],
    [4099, "resume"],
    [4100, "reauthenticate"],
    [4199, "reauthenticate"],
    [4400, "stop"],
    [4499, "stop"],
  ] satisfies [number, CloseVerdict][])(
    "[P-CLOSE-1] the unlisted close code %i follows the verdict of its range: %s",
    (code, verdict) => {
      expect(closeVerdict(code)).toBe(verdict);
    },
  );

  it.each([1005, 1007, 1014, 1015, 3000, 3999, 4200, 4399, 4500, 4999, 0, -1, NaN, 1e9])(
    "[P-CLOSE-1] close code %d, which is in no range of Milepost, has the verdict resume",
    (code) => {
      expect(closeVerdict(code)).toBe("resume");
    },
  );

  it("the table of close codes names every code once and describes it in one sentence", () => {
    expect(new Set(codes.map(({ name }) => name)).size).toBe(codes.length);
    for (const { description } of Object.values(closeCodes))
      expect(description).toMatch(/^[A-Z].*\.$/);
  });
});
