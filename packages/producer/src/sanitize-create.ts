import {
  type Budget,
  type CreateOperation,
  eventBounds,
  type OperationEvents,
  operationBounds,
  parseOperationEvent,
  type StepPlan,
} from "@milepost/model";
import {
  type Complaint,
  id,
  listOf,
  numberWithin,
  objectOf,
  payload,
  type Repair,
  type Repairs,
  repairFields,
  segment,
  text,
} from "./field-repair.ts";

/** Input that creates an operation whose id the producer has chosen. */
export type Create = CreateOperation & { readonly operation_id: string };

/** Input with which the gateway creates an operation, and complaints about what was left out or cut. */
export interface SanitizedCreate {
  readonly create: Create;
  readonly complaints: readonly Complaint[];
}

const plans = listOf(
  objectOf(
    {
      id: id(eventBounds.id),
      title: text(eventBounds.title),
      weight: numberWithin(0, eventBounds.weight),
    },
    ["id"],
  ),
  operationBounds.steps,
);

/** Repairs a plan: leaves out steps without an id of their own. */
export const stepPlans: Repair = (value, complain) => {
  const steps = plans(value, complain) as readonly StepPlan[] | undefined;
  const seen = new Set<string>();
  return steps?.filter((step) => {
    if (!seen.has(step.id)) return seen.add(step.id);
    complain(`has the id ${JSON.stringify(step.id)} twice, and the second step was left out`);
    return false;
  });
};

const minLeaseMs = 100;
const maxLeaseMs = 24 * 3_600_000;

/** Clamps the length of a lease to what the gateway takes; leaves out what is not a number. */
const leaseMs: Repair = (value, complain) => {
  const whole = typeof value === "number" ? Math.floor(value) : Number.NaN;
  if (whole >= minLeaseMs && whole <= maxLeaseMs) return whole;
  if (Number.isNaN(whole)) {
    complain("is not a number of milliseconds and was left out");
    return undefined;
  }
  complain(`is not from ${minLeaseMs} to ${maxLeaseMs} and was clamped`);
  return Math.min(maxLeaseMs, Math.max(minLeaseMs, whole));
};

/** Keeps a tag that can be a segment of a channel name. */
const tag: Repair = (value, complain) => {
  const read = parseOperationEvent("created", { operation_id: "a", kind: "a", tags: [value] });
  if (read.ok) return value;
  complain(`${read.failure.message.replace(/^\S+ /, "")}; it was left out`);
  return undefined;
};

const repairs: Repairs = {
  kind: id(eventBounds.id),
  operationId: segment("operation_id"),
  title: text(eventBounds.title),
  session: segment("session_id"),
  user: segment("user_id"),
  collection: segment("collection_id"),
  belongsTo: segment("belongs_to"),
  parent: segment("parent"),
  weight: numberWithin(0, eventBounds.tree.weight),
  tags: listOf(tag, eventBounds.tree.tags),
  size: numberWithin(0, Number.MAX_SAFE_INTEGER),
  budget: (value, complain) => {
    const read = parseOperationEvent("created", { operation_id: "a", kind: "a", budget: value });
    if (read.ok) return (read.value.data as OperationEvents["created"]).budget;
    complain(`${read.failure.message.replace(/^\S+ /, "")}; it was left out`);
    return undefined;
  },
  steps: stepPlans,
  input: payload(eventBounds.payload),
  leaseMs,
};

interface Repaired {
  readonly kind?: string;
  readonly operationId?: string;
  readonly title?: string;
  readonly session?: string;
  readonly user?: string;
  readonly collection?: string;
  readonly belongsTo?: string;
  readonly parent?: string;
  readonly weight?: number;
  readonly tags?: readonly string[];
  readonly size?: number;
  readonly budget?: Budget;
  readonly steps?: readonly StepPlan[];
  readonly input?: unknown;
  readonly leaseMs?: number;
}

/**
 * Returns the input that creates the operation of a work description. A field that the gateway would refuse is
 * left out or cut, with a complaint, so that no field hides the work. An operation without a usable id gets
 * that of `makeId`, and one without a kind the kind `work`. Never throws.
 */
export function sanitizeCreate(
  spec: unknown,
  producerId: string,
  makeId: () => string,
): SanitizedCreate {
  const complaints: Complaint[] = [];
  const repaired: Repaired = repairFields(spec, repairs, complaints);
  const { kind, operationId, title, session, user, steps, input, leaseMs } = repaired;
  const { collection, belongsTo, parent, weight, tags, size, budget } = repaired;
  if (kind === undefined) {
    complaints.push({
      field: "kind",
      message: 'there is no kind; the operation has the kind "work"',
    });
  }
  const create = {
    kind: kind ?? "work",
    operation_id: operationId ?? makeId(),
    producer_id: producerId,
    ...(title === undefined ? {} : { title }),
    ...(session === undefined ? {} : { session_id: session }),
    ...(user === undefined ? {} : { user_id: user }),
    ...(collection === undefined ? {} : { collection_id: collection }),
    ...(belongsTo === undefined ? {} : { belongs_to: belongsTo }),
    ...(parent === undefined ? {} : { parent }),
    ...(weight === undefined ? {} : { weight }),
    ...(tags === undefined ? {} : { tags }),
    ...(size === undefined ? {} : { size }),
    ...(budget === undefined ? {} : { budget }),
    ...(steps === undefined ? {} : { steps }),
    ...(input === undefined ? {} : { input }),
    ...(leaseMs === undefined ? {} : { lease_ms: leaseMs }),
  };
  return { create, complaints };
}
