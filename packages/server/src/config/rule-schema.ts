import {
  type Access,
  accessNames,
  isAccess,
  mistakesIn,
  operationPattern,
  operationRule,
  outageModes,
  type Rule,
} from "@milepost/core";
import { isRecord, type StandardSchema } from "@milepost/protocol";
import { z } from "zod";
import { compileJsonSchema } from "./json-schema.ts";

/** Schema of who may do something: a group, a condition on a claim, or several of these. */
export const accessSchema = z.custom<Access>(isAccess, {
  error: `must be one of ${accessNames.join(", ")}, or a condition {"claim": "role", "equals": "editor"} ("in" for several values), {"all": [...]} or a list of these`,
});

const access = accessSchema;

const projection = z.discriminatedUnion("name", [
  z.strictObject({ name: z.literal("latest") }),
  z.strictObject({ name: z.literal("text") }),
  z.strictObject({ name: z.literal("operation") }),
  z.strictObject({ name: z.literal("chat") }),
  z.strictObject({ name: z.literal("dashboard") }),
  z.strictObject({ name: z.literal("personal") }),
  z.strictObject({ name: z.literal("keyed"), by: z.string().min(1) }),
]);

const merge = z.union([
  z.enum(["lifecycle", "ephemeral", "state", "text", "patch", "report"]),
  z.strictObject({ class: z.literal("state"), by: z.string().min(1) }),
]);

const jsonSchema = z.unknown().transform((schema, context): StandardSchema => {
  try {
    return compileJsonSchema(schema);
  } catch (error) {
    const says = error instanceof Error ? error.message : String(error);
    context.addIssue({ code: "custom", message: `is not a valid JSON Schema: ${says}` });
    return z.NEVER;
  }
});

const rate = { perSecond: z.number().positive(), burst: z.int().min(1).exactOptional() };

const ruleSchema: z.ZodType<Rule> = z.strictObject({
  pattern: z.string().min(1),
  subscribe: access,
  publish: access,
  retention: z.strictObject({
    maxEntries: z.int().min(1),
    maxAgeMs: z.int().min(1),
    maxBytes: z.int().min(1).exactOptional(),
  }),
  projection: projection.exactOptional(),
  compact: z.string().min(1).exactOptional(),
  presence: z
    .union([
      z.enum(["members", "count"]),
      z.strictObject({ show: z.enum(["members", "count"]), access }),
    ])
    .exactOptional(),
  history: access.exactOptional(),
  bind: z.record(z.string(), z.string()).exactOptional(),
  bindIds: z.record(z.string(), z.union([z.string(), z.array(z.string())])).exactOptional(),
  showPublisher: z.boolean().exactOptional(),
  roles: z.record(z.string().min(1).max(32), access).exactOptional(),
  summaryFields: z.array(z.enum(["user_id", "session_id", "error"])).exactOptional(),
  command: access.exactOptional(),
  end: access.exactOptional(),
  priority: z.enum(["high", "normal", "low"]).exactOptional(),
  batchMs: z.int().min(1).max(1_000).exactOptional(),
  merge: z.record(z.string(), merge).exactOptional(),
  durable: z
    .strictObject({
      ackWaitMs: z.int().min(1).exactOptional(),
      maxAttempts: z.int().min(1).exactOptional(),
      maxAgeMs: z.int().min(1).exactOptional(),
    })
    .exactOptional(),
  outage: z.enum(outageModes).exactOptional(),
  rollUp: z.union([z.literal(true), z.string().min(1)]).exactOptional(),
  rate: z
    .strictObject({ ...rate, perPrincipal: z.strictObject(rate).exactOptional() })
    .exactOptional(),
  encrypted: z.union([z.literal(true), z.array(z.string().min(1)).min(1)]).exactOptional(),
  idleTimeoutMs: z.int().min(1).exactOptional(),
  schema: z.record(z.string(), jsonSchema).exactOptional(),
});

/** Schema of the rules in a configuration file. Each mistake of each rule is an issue of its own. */
export const rulesSchema: z.ZodType<readonly Rule[]> = z
  .array(z.unknown())
  .transform((given, context) => {
    const wrong = given.map(() => new Set<PropertyKey | undefined>());
    const rules = given.map((value, i) => {
      // A rule for operations says only who may do what; the gateway sets the rest.
      const isOfOperations = isRecord(value) && value.pattern === operationPattern;
      const outcome = ruleSchema.safeParse(
        isOfOperations ? { ...operationRule({}), ...value } : value,
      );
      if (outcome.success) return outcome.data;
      for (const issue of outcome.error.issues) {
        context.issues.push({ ...issue, path: [i, ...issue.path], input: undefined });
        wrong[i]?.add(issue.path[0]);
      }
      return standIn(value, wrong[i] ?? new Set());
    });
    for (const { index, field, message } of mistakesIn(rules)) {
      // A field of the wrong type is already reported, and a rule without a valid pattern cannot be checked
      // further.
      if (wrong[index]?.has(field) || wrong[index]?.has("pattern")) continue;
      context.issues.push({ code: "custom", message: message, path: [index, field], input: given });
    }
    context.issues.sort((a, b) => Number(a.path?.[0]) - Number(b.path?.[0]));
    return rules;
  });

/**
 * Returns a complete rule with the valid fields of an invalid one, so that those fields can be checked as well.
 */
function standIn(value: unknown, wrong: ReadonlySet<PropertyKey | undefined>): Rule {
  const fields = isRecord(value) ? Object.entries(value) : [];
  const right = Object.fromEntries(
    fields.filter(([name]) => !wrong.has(name) && name !== "schema"),
  );
  const retention = { maxEntries: 1, maxAgeMs: 1 };
  return { pattern: "x", subscribe: "nobody", publish: "nobody", retention, ...right };
}
