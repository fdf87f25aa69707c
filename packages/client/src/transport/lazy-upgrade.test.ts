import { describe, expect, it } from "vitest";
import { Schedule } from "../runtime/schedule.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { lazyUpgrade } from "./lazy-upgrade.ts";

function upgradeWith(fallback = { isBelow: true }) {
  const clock = new ManualClock();
  const log: string[] = [];
  const code = { isLoaded: false };
  const upgrade = lazyUpgrade(new Schedule(clock), fallback, () => {
    log.push(code.isLoaded ? "create" : "load");
    if (!code.isLoaded) return undefined;
    return { start: () => log.push("start"), stop: () => log.push("stop") };
  });
  return { clock, log, code, upgrade };
}

describe("a return to a better transport that is loaded on demand", () => {
  it("is not loaded while the client uses the best transport", () => {
    const fallback = { isBelow: false };
    const { upgrade, log, code } = upgradeWith(fallback);
    code.isLoaded = true;
    upgrade.start();
    expect(log).toEqual([]);
    fallback.isBelow = true;
    upgrade.start();
    expect(log).toEqual(["create", "start"]);
  });

  it("is loaded again after a minute when its code could not be loaded, and then starts", async () => {
    const { clock, upgrade, log, code } = upgradeWith();
    upgrade.start();
    expect(log).toEqual(["load"]);
    await clock.advance(59_999);
    expect(log).toEqual(["load"]);
    code.isLoaded = true;
    await clock.advance(1);
    expect(log).toEqual(["load", "create", "start"]);
  });

  it("is not loaded again once the connection is lost", async () => {
    const { clock, upgrade, log } = upgradeWith();
    upgrade.start();
    upgrade.stop();
    await clock.advance(120_000);
    expect(log).toEqual(["load"]);
  });

  it("is created once, and stops with each loss", () => {
    const { upgrade, log, code } = upgradeWith();
    code.isLoaded = true;
    upgrade.start();
    upgrade.stop();
    upgrade.start();
    expect(log).toEqual(["create", "start", "stop", "stop", "start"]);
  });
});
