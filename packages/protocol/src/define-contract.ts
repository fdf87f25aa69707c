import type {
  ContractChannels,
  ContractMethods,
  ContractOperations,
  DefinedContract,
} from "./contract.ts";
import { parseEventName } from "./event-name.ts";
import { MilepostError } from "./failure.ts";
import { isRecord } from "./json.ts";

/**
 * Defines the data of an application's channels, operations and methods, once for the gateway, the clients, the
 * hooks and the producers.
 *
 * ```ts
 * export const contract = defineContract({
 *   channels: { "chat:{chat}": { events: { message: z.object({ text: z.string() }) } } },
 *   operations: { export: { input: z.object({ from: z.string() }), steps: ["read", "write"] } },
 *   methods: { "cart.total": { params: z.object({ cart: z.string() }), result: z.object({ cents: z.int() }) } },
 * });
 * ```
 *
 * If a definition leaves out a part, that part allows any name and any data. A gateway with the contract checks
 * incoming data against it. Code that needs only the types imports `type { contract }`, which adds nothing to
 * its bundle. Throws `bad_message`, whose message names the path of the mistake: an invalid event name, a value
 * that is no schema, or two patterns that types cannot tell apart.
 */
export function defineContract<
  const Channels extends ContractChannels | undefined = undefined,
  const Operations extends ContractOperations | undefined = undefined,
  const Methods extends ContractMethods | undefined = undefined,
>(definition: {
  readonly channels?: Channels;
  readonly operations?: Operations;
  readonly methods?: Methods;
}): DefinedContract<Channels, Operations, Methods> {
  const { channels, operations, methods } = definition;
  const contract: DefinedContract = { "~milepost": "contract", channels, operations, methods };
  check(contract);
  return contract as DefinedContract<Channels, Operations, Methods>;
}

function check({ channels = {}, operations = {}, methods = {} }: DefinedContract): void {
  checkChannels(channels);
  for (const [kind, operation] of Object.entries(operations)) {
    checkSchemas(operation, ["input", "result"], `operations[${JSON.stringify(kind)}]`);
  }
  for (const [name, method] of Object.entries(methods)) {
    checkSchemas(method, ["params", "result"], `methods[${JSON.stringify(name)}]`);
  }
}

function checkChannels(channels: ContractChannels): void {
  const patterns = new Map<string, string>();
  for (const [pattern, channel] of Object.entries(channels)) {
    const at = `channels[${JSON.stringify(pattern)}]`;
    const shape = pattern.replace(/\{[^:]*\}/g, "*");
    const other = patterns.get(shape);
    if (other !== undefined)
      refuse(
        at,
        `types cannot tell this pattern from ${JSON.stringify(other)}; make the patterns differ`,
      );
    patterns.set(shape, pattern);
    if (!isRecord(channel) || !isRecord(channel.events)) {
      refuse(at, "needs events: {name: schema}");
    }
    for (const event of Object.keys(channel.events)) {
      const name = parseEventName(event);
      if (event !== "*" && !name.ok) refuse(`${at}.events`, name.failure.message);
    }
    checkSchemas(channel.events, Object.keys(channel.events), `${at}.events`);
  }
}

function checkSchemas(holder: object, names: readonly string[], at: string): void {
  const fields = new Map<string, unknown>(Object.entries(holder));
  for (const name of names) {
    const schema = fields.get(name);
    if (schema !== undefined && !isSchema(schema)) {
      refuse(
        `${at}.${name}`,
        "is not a Standard Schema; use zod, valibot, arktype or another such library, or unchecked<T>()",
      );
    }
  }
}

/**
 * True for a Standard Schema of version 1. Schemas of some libraries are functions, so functions are allowed.
 */
function isSchema(value: unknown): boolean {
  if ((typeof value !== "object" || value === null) && typeof value !== "function") return false;
  const standard: unknown = Reflect.get(value, "~standard");
  return isRecord(standard) && standard.version === 1 && typeof standard.validate === "function";
}

function refuse(at: string, why: string): never {
  throw new MilepostError("bad_message", `contract, at ${at}: ${why}`);
}
