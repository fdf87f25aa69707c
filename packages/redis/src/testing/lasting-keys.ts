import { createClient } from "@redis/client";

/** Finds, at one moment, keys without a time to live, and entries and states whose log is gone. */
const script = `
local found = {}
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  local log = string.match(key, '^(.*):entries$') or string.match(key, '^(.*):state$')
  if redis.call('PTTL', key) == -1 then
    found[#found + 1] = key .. ' never expires'
  elseif log and not string.find(key, ':{revocations}:', 1, true) and redis.call('EXISTS', log .. ':log') == 0 then
    found[#found + 1] = key .. ' has outlived its log'
  end
end
return found`;

/**
 * Returns a message for each key of a prefix that never expires, or that outlived the log it belongs to, on the
 * servers of this machine that listen on `ports`. Nothing that the engine writes may live for ever, so there
 * should be none.
 */
export async function lastingKeys(
  ports: readonly number[],
  prefix: string,
): Promise<readonly string[]> {
  const found = await Promise.all(ports.map((port) => lastingKeysAt(port, prefix)));
  return found.flat().toSorted();
}

async function lastingKeysAt(port: number, prefix: string): Promise<readonly string[]> {
  const client = createClient({
    socket: { host: "127.0.0.1", port, reconnectStrategy: false },
    RESP: 2,
    disableClientInfo: true,
    maintNotifications: "disabled",
  });
  client.on("error", () => {});
  await client.connect();
  try {
    return await lastingKeysOf(client, prefix);
  } finally {
    client.destroy();
  }
}

/** Returns the same for one server, over an open connection. */
export async function lastingKeysOf(
  client: { sendCommand(command: string[]): Promise<unknown> },
  prefix: string,
): Promise<readonly string[]> {
  return (await client.sendCommand(["EVAL", script, "0", `${prefix}:*`])) as readonly string[];
}
