import type { FigureFiles } from "./figure-file.ts";

/** Costs of one of each, as they were measured. CPU is in microseconds, user and system, memory in bytes. */
export interface UnitCosts {
  readonly connectUs: number;
  /** A publication by HTTP that one reader receives. */
  readonly unicastUs: number;
  /** A further delivery of a publication. */
  readonly fanoutUs: number;
  /** A publication, in Redis. */
  readonly redisUs: number;
  readonly bytesPerConnection: number;
  /** Memory of a worker without connections. */
  readonly bytesPerWorker: number;
}

/** Load that a plan is for. */
export interface PlannedLoad {
  readonly connections: number;
  /** Publications a second for each connection, each to that connection alone. */
  readonly publicationsPerSecond: number;
  /** Time in which all connections must be able to come back, in seconds. */
  readonly comebackSeconds: number;
}

/** Options of a load. */
export interface CapacityPlan {
  /** Workers that the number of files asks for, the deliveries, and a comeback of all. */
  readonly byFiles: number;
  readonly byDeliveries: number;
  readonly byComeback: number;
  readonly workers: number;
  readonly memoryBytes: number;
  readonly redisCores: number;
}

/** Connections of a worker: 20,000 files, less what it needs itself and a reserve for a failed neighbour. */
export const connectionsPerWorker = 15_000;
/** Share of a core that a plan uses; the rest is for peaks, garbage collection and a failed neighbour. */
export const usableShare = 0.6;

/** Plans the gateways for a load. Each worker is a process and needs a core. */
export function planCapacity(load: PlannedLoad, costs: UnitCosts): CapacityPlan {
  const { connections, publicationsPerSecond, comebackSeconds } = load;
  const publications = connections * publicationsPerSecond;
  const usableUs = usableShare * 1e6;
  const byFiles = Math.ceil(connections / connectionsPerWorker);
  const byDeliveries = Math.ceil((publications * costs.unicastUs) / usableUs);
  const byComeback = Math.ceil((connections * costs.connectUs) / (comebackSeconds * usableUs));
  const workers = Math.max(byFiles, byDeliveries, byComeback);
  return {
    ...{ byFiles, byDeliveries, byComeback, workers },
    memoryBytes: workers * costs.bytesPerWorker + connections * costs.bytesPerConnection,
    redisCores: (publications * costs.redisUs) / usableUs,
  };
}

interface CostRow {
  readonly target: string;
  readonly items?: number;
  readonly serverUs: { readonly median: number };
  readonly redisUs?: { readonly median: number };
  readonly cpuUsPerDelivery?: { readonly median: number };
}

/** Reads the unit costs from the figures; undefined while a run is missing. */
export function unitCosts(files: FigureFiles): UnitCosts | undefined {
  const row = (run: string, target: string, items?: number) => {
    const rows = files.get(run)?.report.rows as readonly CostRow[] | undefined;
    return rows?.find((one) => one.target === target && one.items === items);
  };
  const connect = row("connect", "milepost")?.serverUs.median;
  const unicast = row("unicast", "milepost")?.serverUs.median;
  const fanout = row("fanout", "milepost-json")?.cpuUsPerDelivery?.median;
  const redis = row("publish", "milepost-redis", 1)?.redisUs?.median;
  const [deployed] = (files.get("deployment")?.report.rows ?? []) as readonly {
    readonly before: { readonly residentBytes: number };
    readonly bytesPerConnection: number;
  }[];
  if (!connect || !unicast || !fanout || !redis || deployed === undefined) return undefined;
  return {
    ...{ connectUs: connect, unicastUs: unicast, fanoutUs: fanout, redisUs: redis },
    bytesPerConnection: deployed.bytesPerConnection,
    // Four workers and their supervisor.
    bytesPerWorker: deployed.before.residentBytes / 4,
  };
}
