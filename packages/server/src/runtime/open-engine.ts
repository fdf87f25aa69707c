import type { CoreLog } from "@milepost/core";
import { type EngineFactory, StoreAvailability } from "@milepost/engine";
import type { RedisTls } from "@milepost/redis";
import type { Settings } from "../config/settings.ts";
import { StoreLog } from "./store-log.ts";
import { systemClock } from "./system-clock.ts";

/** Settings that select the engine. */
export interface EngineSettings {
  /** URL of Redis; empty for the data folder or the memory of this process. */
  readonly redis: string;
  /** Folder of the data without Redis; empty for the memory of this process. */
  readonly data?: string;
  readonly durability?: Settings["durability"];
  readonly dataMaxBytes?: number;
  readonly redisPrefix: string;
  /** Certificates of connections to Redis over TLS. */
  readonly redisTls?: RedisTls;
}

/** Description of one server of the store. */
export interface StoreLine {
  readonly message: string;
  /** Warnings about settings of the server that weaken a guarantee. */
  readonly warnings: readonly string[];
}

/** Engine that is connected to its store, or waits for it. */
export interface OpenedEngine {
  readonly factory: EngineFactory;
  /** Resolves once the store has been available. */
  readonly joined: Promise<void>;
  /** Closes the connection to the store if no gateway took it over. */
  close(): Promise<void>;
}

/**
 * Describes each server of the configured store, or its file; returns undefined if that is the memory of this process.
 * Rejects when the store cannot be read or is damaged.
 */
export async function inspectStore({
  redis,
  redisTls,
  data = "",
}: Pick<EngineSettings, "redis" | "redisTls" | "data">): Promise<readonly StoreLine[] | undefined> {
  if (redis === "") return data === "" ? undefined : [await inspectFolder(data)];
  const { inspectRedis } = await import("@milepost/redis");
  return (await inspectRedis(redis, redisTls)).map(({ server, version, warnings }) => ({
    message: `${server}, version ${version}`,
    warnings: warnings.map((warning) => `Redis at ${server} ${warning}`),
  }));
}

async function inspectFolder(folder: string): Promise<StoreLine> {
  const { inspectData } = await import("@milepost/sqlite");
  const { bytes, walBytes, schema, channels, entries, largest, faults } = inspectData(folder);
  if (faults.length > 0) {
    throw new Error(
      `the data in ${folder} are damaged (${faults[0]}); stop the gateway and run milepost restore with a backup`,
    );
  }
  const sizes = largest.map((log) => `${log.channel} ${mebibytes(log.bytes)}`).join(", ");
  return {
    message: `${folder}, ${mebibytes(bytes)} and ${mebibytes(walBytes)} not yet in the file, schema ${schema}, ${channels} channels, ${entries} entries; largest ${sizes === "" ? "none" : sizes}`,
    warnings: [],
  };
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MiB`;
}

/**
 * Connects to the configured store; resolves with undefined if that is the memory of this process, without
 * loading any code of a store. Rejects with one line that says what is wrong with the address.
 *
 * With `onRefused`, an absent store does not matter: the engine joins it when it comes. If the store then refuses this
 * node for good before the node has ever joined it, `onRefused` is called with one line that says why.
 */
export async function openEngine(
  settings: EngineSettings,
  log: CoreLog,
  onRefused?: (error: Error) => void,
): Promise<OpenedEngine | undefined> {
  const { redis, redisPrefix, redisTls, data = "" } = settings;
  if (redis === "") return data === "" ? undefined : openEmbedded(data, settings, log);
  const { connectRedis, redisEngine } = await import("@milepost/redis");
  const storeLog = new StoreLog(log, systemClock);
  const earlyErrors: unknown[] = [];
  let isFollowed = false;
  const link = await connectRedis({
    url: redis,
    prefix: redisPrefix,
    ...(redisTls === undefined ? {} : { tls: redisTls }),
    onError: (error) => {
      if (isFollowed) storeLog.linkError(error);
      else earlyErrors.push(error);
    },
    ...(onRefused === undefined ? {} : { onRefused }),
  });
  const store = new StoreAvailability(link.watch, systemClock);
  storeLog.follow(store);
  isFollowed = true;
  for (const error of earlyErrors) storeLog.linkError(error);
  const connect = redisEngine(link, { prefix: redisPrefix, onError: storeLog.workError });
  return {
    joined: available(store),
    factory: (context) => {
      const engine = connect(context);
      const close = () => {
        storeLog.close();
        return engine.close();
      };
      return { ...engine, store, close };
    },
    close: () => {
      storeLog.close();
      store.close();
      return link.close();
    },
  };
}

/** Opens the folder of the data once the gateway makes its engine, which throws when that is not possible. */
async function openEmbedded(
  folder: string,
  { durability, dataMaxBytes: maxBytes }: EngineSettings,
  log: CoreLog,
): Promise<OpenedEngine> {
  const { sqliteEngine } = await import("@milepost/sqlite");
  const open = sqliteEngine({
    folder,
    ...(durability === undefined ? {} : { durability }),
    ...(maxBytes === undefined ? {} : { maxBytes }),
  });
  let close = async () => {};
  return {
    joined: Promise.resolve(),
    factory: (context) => {
      const engine = open(context);
      const storeLog = new StoreLog(log, systemClock);
      const store = new StoreAvailability(engine.store, systemClock);
      storeLog.follow(store);
      close = () => {
        storeLog.close();
        store.close();
        return engine.close();
      };
      return { ...engine, store, close };
    },
    close: () => close(),
  };
}

function available(store: StoreAvailability): Promise<void> {
  if (store.state === "available") return Promise.resolve();
  return new Promise((resolve) => {
    const forget = store.onState((state) => {
      if (state !== "available") return;
      forget();
      resolve();
    });
  });
}
