import type { Clock, Engine, Random } from "@milepost/engine";
import type { TimerWheel } from "../runtime/timer-wheel.ts";
import type { Outage } from "./outage.ts";
import { OutageBus } from "./outage-bus.ts";
import { OutageLog } from "./outage-log.ts";

/** Parts that {@link throughOutages} needs of its node. */
export interface ThroughOutages {
  readonly clock: Clock;
  readonly random: Random;
  readonly wheel: TimerWheel;
  readonly onError: (error: unknown) => void;
}

/**
 * Returns an engine whose log and bus handle outages of the store: see {@link OutageLog} and {@link OutageBus}.
 */
export function throughOutages(
  engine: Engine,
  outage: Outage,
  { clock, random, wheel, onError }: ThroughOutages,
): Engine {
  const bus = new OutageBus({ bus: engine.bus, outage, pause: (ms) => wheel.pause(ms), onError });
  const onPublication = bus.publish.bind(bus);
  const log = new OutageLog({ log: engine.log, outage, clock, random, onPublication });
  outage.onEnd(() => {
    log.forgetLocal();
    void bus.resume();
  });
  return {
    ...engine,
    log,
    bus,
    close: async () => {
      bus.close();
      log.forgetLocal();
      await engine.close();
    },
  };
}
