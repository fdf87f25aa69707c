/** Line of a log of the run. Times are those of the machine, in milliseconds since 1970. */
export type QueueLine =
  /** A person got a ticket. */
  | { readonly kind: "joined"; readonly ticket: string; readonly owner: string }
  /** A worker got a ticket: it asked at `from` and had the answer at `to`. */
  | {
      readonly kind: "claimed";
      readonly ticket: string;
      readonly worker: string;
      readonly fence: number;
      readonly lease_ms: number;
      readonly from: number;
      readonly to: number;
    }
  /** A worker asked to finish a ticket. The status is that of the answer; absent when none came. */
  | {
      readonly kind: "finish";
      readonly ticket: string;
      readonly worker: string;
      readonly fence: number;
      readonly from: number;
      readonly to: number;
      readonly status?: number;
    }
  /** State of a ticket after everything, as the gateway says. */
  | { readonly kind: "end"; readonly ticket: string; readonly state: string };

type Claimed = Extract<QueueLine, { kind: "claimed" }>;
type Finish = Extract<QueueLine, { kind: "finish" }>;

/**
 * Returns what was wrong with a run: tickets that were lost, that two workers had at the same time, or that ended twice, and
 * fences that did not rise. It knows nothing of the product, and judges only what cannot be explained by answers under way.
 */
export function judgeQueue(lines: readonly QueueLine[]): readonly string[] {
  const says: string[] = [];
  const claims = new Map<string, Claimed[]>();
  const finishes = new Map<string, Finish[]>();
  const ends = new Map<string, string>();
  const owners = new Map<string, string>();
  for (const line of lines) {
    if (line.kind === "claimed") push(claims, line.ticket, line);
    else if (line.kind === "finish") push(finishes, line.ticket, line);
    else if (line.kind === "end") ends.set(line.ticket, line.state);
    else {
      const other = owners.get(line.owner);
      if (other !== undefined && other !== line.ticket) says.push(`${line.owner} has two tickets`);
      owners.set(line.owner, line.ticket);
    }
  }
  for (const ticket of owners.values()) {
    const state = ends.get(ticket);
    if (state !== "finished") says.push(`${ticket} is lost: it is ${state ?? "unknown"}`);
    const tried = finishes.get(ticket) ?? [];
    if (tried.length === 0) says.push(`${ticket} ended, and no worker finished it`);
    says.push(...together(ticket, claims.get(ticket) ?? [], tried));
  }
  says.push(...fencesOf([...claims.values()].flat()));
  return says;
}

function together(ticket: string, claims: readonly Claimed[], finishes: readonly Finish[]) {
  const says: string[] = [];
  const sorted = claims.toSorted((a, b) => a.fence - b.fence);
  for (const [n, later] of sorted.entries()) {
    const earlier = sorted[n - 1];
    if (earlier === undefined || earlier.fence === later.fence) continue;
    // The lease began after the worker had asked, so it lasts at least until then.
    const left = earlier.from + earlier.lease_ms - later.to;
    if (left > 0) {
      says.push(
        `${later.worker} got ${ticket} ${left} ms before the lease of ${earlier.worker} ended`,
      );
    }
  }
  const done = new Set(finishes.filter(({ status }) => status === 200).map(({ fence }) => fence));
  if (done.size > 1) says.push(`${ticket} was finished under ${done.size} fences`);
  for (const { fence, from, status, worker } of finishes) {
    const newer = claims.find((claim) => claim.fence > fence && claim.to < from);
    if (status === 200 && newer !== undefined) {
      says.push(`${worker} finished ${ticket} after ${newer.worker} had taken it over`);
    }
  }
  return says;
}

function fencesOf(claims: readonly Claimed[]): readonly string[] {
  const says: string[] = [];
  const holders = new Map<number, string>();
  for (const { fence, ticket } of claims) {
    const other = holders.get(fence);
    if (other !== undefined && other !== ticket) says.push(`${ticket} and ${other} have one fence`);
    holders.set(fence, ticket);
  }
  const answeredAt = new Map<number, number>();
  for (const { fence, to } of claims) {
    answeredAt.set(fence, Math.min(to, answeredAt.get(fence) ?? to));
  }
  const byEnd = claims.toSorted((a, b) => a.to - b.to);
  let answered = 0;
  let highest = 0;
  for (const claim of claims.toSorted((a, b) => a.from - b.from)) {
    for (
      let next = byEnd[answered];
      next !== undefined && next.to < claim.from;
      next = byEnd[answered]
    ) {
      highest = Math.max(highest, next.fence);
      answered++;
    }
    // A claim that is repeated with its id gets its old fence again.
    const isRepeat = (answeredAt.get(claim.fence) ?? 0) < claim.from;
    if (claim.fence <= highest && !isRepeat) {
      says.push(`the fence ${claim.fence} of ${claim.ticket} was given out after ${highest}`);
    }
  }
  return says;
}

function push<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}
