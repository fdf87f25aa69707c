import type { Rule } from "@milepost/core";
import { z } from "zod";

const access = z.enum([
  "authenticated",
  "granted",
  "own-user",
  "own-session",
  "operation-owner",
  "nobody",
]);

const projection = z.discriminatedUnion("name", [
  z.strictObject({ name: z.literal("latest") }),
  z.strictObject({ name: z.literal("text") }),
  z.strictObject({ name: z.literal("operation") }),
  z.strictObject({ name: z.literal("chat") }),
  z.strictObject({ name: z.literal("dashboard") }),
  z.strictObject({ name: z.literal("keyed"), by: z.string().min(1) }),
]);

const merge = z.union([
  z.enum(["lifecycle", "ephemeral", "state", "text", "patch", "report"]),
  z.strictObject({ class: z.literal("state"), by: z.string().min(1) }),
]);

/** A rule, as it stands in the configuration file. */
export const ruleSchema: z.ZodType<Rule> = z.strictObject({
  pattern: z.string().min(1),
  subscribe: access,
  publish: access,
  retention: z.strictObject({ maxEntries: z.int().min(1), maxAgeMs: z.int().min(1) }),
  projection: projection.exactOptional(),
  presence: z.enum(["members", "count"]).exactOptional(),
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
});
