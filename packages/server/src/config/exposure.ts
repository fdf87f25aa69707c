import type { SettingName, Settings } from "./settings.ts";

const fixes: Partial<Record<SettingName, string>> = {
  tokenSecret: "MILEPOST_TOKEN_SECRET to the output of: openssl rand -base64 48",
  apiKeys: "MILEPOST_API_KEY to the output of: openssl rand -base64 32",
};

/**
 * Returns what is wrong with a gateway that others could reach although secrets are missing. Such a gateway serves only
 * the machine itself: its secrets are made up and shown at the start, or it has no key for its administrator.
 */
export function exposureMistakes(
  { host, role }: Pick<Settings, "host" | "role">,
  lacking: readonly SettingName[],
): string[] {
  if (isLoopback(host)) return [];
  // Readers need no API key, and a process with this role serves nobody else.
  const missing = lacking.filter((name) => name !== "apiKeys" || role !== "gateway");
  if (missing.length === 0) return [];
  const settings = missing.map((name) => fixes[name] ?? name).join(", and ");
  return [
    `host ${host} can be reached from other machines, but ${missing.join(" and ")} ${missing.length > 1 ? "are" : "is"} missing; set ${settings}. Without them the gateway serves only this machine: leave host at 127.0.0.1`,
  ];
}

/** True for hosts that only programs of this machine can reach. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  if (name === "localhost" || name.endsWith(".localhost") || name === "::1") return true;
  return /^(::ffff:)?127(\.\d{1,3}){3}$/.test(name);
}
