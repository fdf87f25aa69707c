/** Figures of the gateway's processes, from its metrics. */
export interface ServerFigures {
  /** Processor time of all processes of the gateway, in seconds. */
  readonly cpuSeconds: number;
  /** Resident memory of all processes of the gateway, in bytes. */
  readonly residentBytes: number;
}

const timeoutMs = 5_000;

/**
 * Reads the gateway's metrics with an API key; undefined when the key lacks the scope `metrics`, the gateway keeps none,
 * or does not answer. Behind a load balancer they are those of one gateway, so the caller must know that there is one.
 */
export async function readServerFigures(
  url: URL,
  apiKey: string,
): Promise<ServerFigures | undefined> {
  try {
    const response = await fetch(new URL("/metrics", url), {
      headers: { authorization: `Bearer ${apiKey}` },
      signal: AbortSignal.timeout(timeoutMs),
    });
    return response.ok ? parseServerFigures(await response.text()) : undefined;
  } catch {
    return undefined;
  }
}

/** Adds up the samples of all processes in a text of Prometheus; undefined if it has none of them. */
export function parseServerFigures(text: string): ServerFigures | undefined {
  let cpuSeconds = 0;
  let residentBytes = 0;
  for (const line of text.split("\n")) {
    const value = Number(line.slice(line.lastIndexOf(" ") + 1));
    if (line.startsWith("milepost_process_cpu_seconds_total{")) cpuSeconds += value;
    else if (/^milepost_process_memory_bytes\{[^}]*area="resident"/.test(line)) {
      residentBytes += value;
    }
  }
  return residentBytes > 0 ? { cpuSeconds, residentBytes } : undefined;
}
