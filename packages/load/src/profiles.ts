/** Shape of a run: how many connections, how fast, for how long. Every field can be changed by an option. */
export interface LoadShape {
  /** Connections, each authenticated and with one subscription. */
  readonly connections: number;
  /** Connections that are opened a second. */
  readonly connectRate: number;
  /** Channels that the connections are spread over. */
  readonly channels: number;
  /** Publications a second, over all channels in turn. */
  readonly rate: number;
  /** Measured seconds. `warmupSeconds` come before them and do not count. */
  readonly seconds: number;
  readonly warmupSeconds: number;
  /** Bytes of the data of a publication. */
  readonly bytes: number;
}

/** Profiles by name. */
export const profiles = {
  /** 5,000 deliveries a second. */
  "1k": {
    connections: 1_000,
    connectRate: 200,
    channels: 100,
    rate: 500,
    seconds: 30,
    warmupSeconds: 3,
    bytes: 136,
  },
  /** 10,000 deliveries a second. */
  "10k": {
    connections: 10_000,
    connectRate: 500,
    channels: 1_000,
    rate: 1_000,
    seconds: 30,
    warmupSeconds: 3,
    bytes: 136,
  },
  /** 10,000 deliveries a second to five times as many connections. */
  "50k": {
    connections: 50_000,
    connectRate: 1_000,
    channels: 5_000,
    rate: 1_000,
    seconds: 30,
    warmupSeconds: 3,
    bytes: 136,
  },
} as const satisfies Record<string, LoadShape>;

export type ProfileName = keyof typeof profiles;
