import { type QueueRule, queueMistakes } from "@milepost/core";
import type { QueueCapacity } from "@milepost/model";
import { z } from "zod";
import { accessSchema } from "./rule-schema.ts";

const queueRuleSchema: z.ZodType<QueueRule> = z.strictObject({
  queue: z.string().min(1),
  join: accessSchema,
  lanes: z.record(z.string(), z.number()).exactOptional(),
  laneClaim: z.string().exactOptional(),
  lane: z.string().exactOptional(),
  // The core says what is wrong with a capacity, in the words of the HTTP API.
  capacity: z.custom<QueueCapacity>(() => true).exactOptional(),
  graceMs: z.number().exactOptional(),
  maxWaiting: z.number().exactOptional(),
  leaseMs: z.number().exactOptional(),
  maxAttempts: z.number().exactOptional(),
  operation: z
    .strictObject({ kind: z.string().min(1).max(128), title: z.string().max(500).exactOptional() })
    .exactOptional(),
});

/** Schema of the rules for queues in a configuration file. Each mistake of each rule is an issue of its own. */
export const queuesSchema: z.ZodType<readonly QueueRule[]> = z
  .array(queueRuleSchema)
  .superRefine((rules, context) => {
    for (const [i, rule] of rules.entries()) {
      for (const [field, message] of queueMistakes(rule)) {
        context.addIssue({ code: "custom", message, path: [i, field] });
      }
    }
  });
