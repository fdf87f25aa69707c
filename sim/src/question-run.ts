import { check, type Fact, type JournalRecord, type Violation } from "@milepost/checker";
import type { Core, ServicePrincipal, UserPrincipal } from "@milepost/core";
import type { Engine } from "@milepost/engine";
import type { AskQuestion, Question } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import { ClusterNode } from "./cluster-node.ts";
import { Journal } from "./journal.ts";
import { SeededRandom } from "./seeded-random.ts";
import { Store } from "./store.ts";
import { VirtualTime } from "./virtual-time.ts";

const steps = 150;
const healMs = 40_000;
const users = ["ada", "bob", "cyd", "dan"] as const;
const role = "release";
/** Users whose tokens have the role. */
const holders: readonly string[] = ["cyd", "dan"];
const keys = ["build", "deploy", "notify"] as const;
const service: ServicePrincipal = { kind: "service", name: "works" };

/** Alters the engine of every node, to put a defect into the product. */
export type SpoilEngine = (engine: Engine) => Engine;

/** An operation, and what its program knows of it. */
interface Work {
  readonly id: string;
  readonly owner: string;
  /** Bodies by key: a program that repeats a question asks the same. */
  readonly asks: Map<string, AskQuestion>;
  /** Kinds of the questions that the program was told of, by id. */
  readonly questions: Map<string, Question["kind"]>;
}

/**
 * Runs operations that ask questions, and people who answer them, on three nodes over one store. Requests, answers and the
 * store's answers are lost, nodes die and restart, and the store refuses or holds single nodes. Then everything heals.
 * Returns the violations of W6.
 */
export async function runQuestions(seed: number, spoil?: SpoilEngine): Promise<Violation[]> {
  return (await judgeQuestions(seed, spoil)).violations;
}

/** Runs the same and returns its records, too. */
export async function judgeQuestions(seed: number, spoil?: SpoilEngine) {
  const run = new QuestionRun(seed, spoil);
  await run.run();
  const { records } = run.journal;
  const violations = check(records).filter(({ id }) => id === "W6" || id === "defect");
  return {
    records: records as readonly JournalRecord[],
    violations: [...violations, ...run.defects],
  };
}

class QuestionRun {
  readonly #time = new VirtualTime();
  readonly journal = new Journal(this.#time);
  readonly defects: Violation[] = [];
  readonly #random: SeededRandom;
  readonly #store: Store;
  readonly #nodes: readonly ClusterNode[];
  readonly #works: Work[] = [];
  #isHealed = false;

  constructor(seed: number, spoil: SpoilEngine | undefined) {
    this.#random = SeededRandom.named(seed, "questions");
    const { journal } = this;
    const time = this.#time;
    this.#store = new Store(time, journal, seed);
    const limits = { max_replay_entries: 1, max_outbox_bytes: 1, dedupe_ms: 1 };
    this.#add({ type: "begin", version: 1, seed, limits });
    this.#nodes = ["a", "b", "c"].map(
      (name) =>
        new ClusterNode(name, {
          seed,
          time,
          journal,
          store: this.#store,
          rules: [],
          limits: {},
          mutant: undefined,
          ...(spoil !== undefined && { alter: spoil }),
          onFault: this.#onDefect,
        }),
    );
    for (const node of this.#nodes) node.start();
  }

  async run(): Promise<void> {
    for (const user of users) this.#request((core) => core.inbox.list(person(user), user));
    for (let n = 0; n < steps; n++) {
      this.#step();
      await this.#pass(this.#random.int(0, 1_500));
    }
    this.#heal();
    await this.#pass(healMs);
    await this.#look();
    for (const node of this.#nodes) node.retire();
    this.journal.seal();
  }

  #step(): void {
    const random = this.#random;
    const dice = random.fraction();
    if (this.#works.length === 0 || (dice < 0.06 && this.#works.length < 6)) this.#begin();
    else if (dice < 0.34) this.#ask(this.#anyWork());
    else if (dice < 0.64) this.#answer(this.#anyWork());
    else if (dice < 0.7) this.#snooze(this.#anyWork());
    else if (dice < 0.73) this.#withdraw(this.#anyWork());
    else if (dice < 0.76) this.#end(this.#anyWork());
    else if (dice < 0.8) this.#openInbox(random.pick(users) ?? "ada");
    else if (dice < 0.86) this.#crash(this.#anyNode());
    else if (dice < 0.93) this.#afflict();
  }

  #begin(): void {
    const owner = this.#random.pick(users) ?? "ada";
    const id = `o${this.#works.length + 1}`;
    const work: Work = { id, owner, asks: new Map(), questions: new Map() };
    this.#works.push(work);
    const body = { operation_id: id, kind: "sim", title: id, user_id: owner, lease_ms: 3_600_000 };
    this.#retry((core) => core.operations.create(service, body));
  }

  #ask(work: Work): void {
    const key = this.#random.pick(keys) ?? "build";
    const body = work.asks.get(key) ?? this.#question(key);
    work.asks.set(key, body);
    const node = this.#anyNode();
    // The node may hang between the steps by which it publishes a question, which another node then does.
    if (this.#random.chance(0.2)) {
      this.#time.after(this.#random.int(2, 20), () => this.#hold(node.name, 6_000));
      const again = () => this.#asks(work, key, body, this.#anyNode());
      this.#time.after(50, again);
    }
    this.#asks(work, key, body, node);
  }

  #asks(work: Work, key: string, body: AskQuestion, node: ClusterNode): void {
    const operation = work.id;
    this.#request(
      (core) => core.questions.ask(service, operation, body),
      ({ question }) => {
        work.questions.set(question.id, question.kind);
        this.#add({
          type: "asked",
          operation,
          key,
          question: question.id,
          ...this.#terms(question),
        });
      },
      node,
    );
  }

  #question(key: string): AskQuestion {
    const random = this.#random;
    const form = random.chance(0.5)
      ? ({ kind: "approve" } as const)
      : ({ kind: "choose", options: ["x", "y", "z"] } as const);
    const deadline_ms = random.chance(0.5) ? random.int(4_000, 40_000) : undefined;
    const first = random.int(1_000, 10_000);
    const escalate = [
      { after_ms: first, for: { users: [random.pick(users) ?? "bob"] } },
      { after_ms: first + random.int(1_000, 20_000), for: { roles: [role] } },
    ].filter(({ after_ms }) => random.chance(0.4) && after_ms < (deadline_ms ?? 1e9));
    const audience = { users: [random.pick(users) ?? "bob", random.pick(users) ?? "ada"] };
    return {
      ...form,
      prompt: `${key}?`,
      key,
      ...(random.chance(0.6) && { for: random.chance(0.3) ? { roles: [role] } : audience }),
      ...(deadline_ms !== undefined && { deadline_ms }),
      ...(deadline_ms !== undefined &&
        random.chance(0.5) && { default: form.kind === "approve" ? false : "z" }),
      ...(escalate.length > 0 && { escalate }),
    };
  }

  #answer(work: Work): void {
    const random = this.#random;
    const question = random.pick([...work.questions.keys()]);
    if (question === undefined) return;
    // At times everybody answers in the same moment, each at another node.
    const people = random.chance(0.3) ? users : users.filter(() => random.chance(0.4));
    for (const user of people) this.#answerAs(user, work, question);
  }

  #answerAs(user: string, { id, questions }: Work, question: string): void {
    const random = this.#random;
    const isApproval = questions.get(question) === "approve";
    const answer = isApproval ? random.chance(0.5) : random.pick(["x", "y"]);
    const said = {
      type: "answer_taken",
      question,
      by: user,
      answer: JSON.stringify(answer),
    } as const;
    const send = () =>
      this.#request(
        (core) => core.questions.answer(person(user), id, question, { answer }),
        () => this.#add(said),
      );
    send();
    // A person whose answer seems lost presses again, and another node may get it.
    if (random.chance(0.3)) this.#time.after(random.int(0, 3_000), send);
  }

  #snooze({ id, questions }: Work): void {
    const question = this.#random.pick([...questions.keys()]);
    const user = this.#random.pick(users) ?? "ada";
    if (question === undefined) return;
    const for_ms = this.#random.int(1_000, 20_000);
    this.#request((core) => core.questions.snooze(person(user), id, question, { for_ms }));
  }

  #withdraw({ id, questions }: Work): void {
    const question = this.#random.pick([...questions.keys()]);
    if (question === undefined) return;
    this.#request(
      (core) => core.questions.withdraw(service, id, question),
      ({ status }) => {
        if (status === "withdrawn") this.#add({ type: "question_over", operation: id, question });
      },
    );
  }

  /** Ends an operation as its program would: it takes the work over, and reports until it is confirmed. */
  #end({ id }: Work): void {
    this.#retry(
      async (core) => {
        const lease = await core.operations.takeOver(service, id);
        const events = [
          { event: "started", data: {} },
          { event: "done", data: {} },
        ] as const;
        await core.operations.report(service, id, { lease: lease.token, events });
        const { operation } = await core.operations.get(service, id);
        if (operation.status !== "done")
          throw new MilepostError("store_unavailable", "not done yet");
      },
      () => this.#add({ type: "question_over", operation: id }),
    );
  }

  #openInbox(user: string): void {
    this.#request((core) => core.inbox.list(person(user), user));
  }

  #crash(node: ClusterNode): void {
    if (!node.isUp) return;
    node.crash(true);
    this.#time.after(this.#random.int(500, 12_000), () => node.start());
  }

  /** Lets the store refuse or hold a node, or lose its answers, for a while. */
  #afflict(): void {
    const store = this.#store;
    const { name } = this.#anyNode();
    const ms = this.#random.int(500, 9_000);
    const kind = this.#random.pick(["refused", "held", "lost"] as const) ?? "lost";
    if (kind === "held") {
      this.#hold(name, ms);
    } else if (kind === "refused") {
      store.refused.add(name);
      this.#time.after(ms, () => store.refused.delete(name));
    } else {
      store.sideAnswerLoss = 0.3;
      this.#time.after(ms, () => {
        store.sideAnswerLoss = 0;
      });
    }
  }

  /** Lets all calls of a node to the store wait. */
  #hold(node: string, ms: number): void {
    const store = this.#store;
    store.held.add(node);
    this.#time.after(ms, () => {
      store.held.delete(node);
      store.release();
    });
  }

  #heal(): void {
    this.#isHealed = true;
    const store = this.#store;
    store.refused.clear();
    store.held.clear();
    store.sideAnswerLoss = 0;
    store.release();
    for (const node of this.#nodes) node.start();
  }

  /** Records what the store, the log and the inboxes say of every question. */
  async #look(): Promise<void> {
    const inboxes = new Map<string, ReadonlySet<string>>();
    for (const user of users) {
      const list = await this.#settled((core) =>
        core.inbox.list(person(user), user, { filter: "all", limit: 100 }),
      );
      inboxes.set(user, new Set(list?.items.map(({ id }) => id)));
    }
    for (const work of this.#works) {
      const found = await this.#settled((core) => core.questions.ofOperation(service, work.id));
      const state = await this.#settled((core) => core.operations.get(service, work.id));
      if (state === undefined) continue;
      const folded = state.operation.questions ?? [];
      for (const question of found?.questions ?? []) {
        const shown = folded.find(({ id }) => id === question.id);
        this.#add({
          type: "question_state",
          operation: work.id,
          question: question.id,
          key: question.key ?? "",
          status: question.status,
          by_default: question.by_default === true,
          asked: this.#at(question.asked_at),
          ...(question.by !== undefined && { by: question.by }),
          ...(question.answer !== undefined && { answer: JSON.stringify(question.answer) }),
          ...(question.settled_at !== undefined && { settled: this.#at(question.settled_at) }),
          ...this.#terms(question),
          escalates: (question.escalate ?? []).map(({ after_ms }) =>
            this.#at(question.asked_at + after_ms),
          ),
          level: question.level ?? 0,
          audience: audienceOf(question, work.owner),
          inboxes: users.filter((user) => inboxes.get(user)?.has(question.id)),
          ...(shown !== undefined && {
            shown: {
              status: shown.status,
              level: shown.level ?? 0,
              ...(shown.answer !== undefined && { answer: JSON.stringify(shown.answer) }),
            },
          }),
        });
      }
    }
    this.#add({ type: "questions_end" });
  }

  /** Deadline and default of a question, as its records have them. */
  #terms({ deadline_at, ...question }: Question) {
    return {
      ...(deadline_at !== undefined && { deadline: this.#at(deadline_at) }),
      ...(question.default !== undefined && { default: JSON.stringify(question.default) }),
    };
  }

  /** Sends a request to any node. It may get lost, or its answer; then nobody learns of it. */
  #request<T>(
    call: (core: Core) => Promise<T>,
    then: (answer: T) => void = () => {},
    { core } = this.#anyNode(),
  ): void {
    const dice = this.#random.fraction();
    if (dice < 0.06 || core === undefined) return;
    call(core).then((answer) => {
      if (dice >= 0.16) then(answer);
    }, this.#onRefusal);
  }

  /** Repeats a request on any node until it is answered. */
  #retry<T>(call: (core: Core) => Promise<T>, then: (answer: T) => void = () => {}): void {
    let isOver = false;
    const attempt = () => {
      if (isOver || this.#isHealed) return;
      this.#time.after(4_000, attempt);
      const core = this.#anyNode().core;
      if (core === undefined) return;
      call(core).then((answer) => {
        if (isOver) return;
        isOver = true;
        then(answer);
      }, this.#onRefusal);
    };
    attempt();
  }

  /** Result of a request after everything has healed; undefined when the gateway refuses it. */
  async #settled<T>(call: (core: Core) => Promise<T>): Promise<T | undefined> {
    const core = this.#anyNode().core;
    let answer: T | undefined;
    let isOver = false;
    if (core === undefined) return undefined;
    call(core)
      .then((value) => {
        answer = value;
      }, this.#onRefusal)
      .finally(() => {
        isOver = true;
      });
    for (let n = 0; n < 100 && !isOver; n++) await this.#pass(100);
    return answer;
  }

  readonly #onRefusal = (error: unknown) => {
    if (!(error instanceof MilepostError) || error.code === "internal") this.#onDefect(error);
  };

  readonly #onDefect = (error: unknown) => {
    // A node logs what the store refused it.
    if (error instanceof MilepostError && error.code !== "internal") return;
    const says = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.defects.push({ id: "defect", says, t: this.#time.monotonic(), line: 0 });
  };

  #anyWork(): Work {
    const work = this.#random.pick(this.#works);
    if (work === undefined) throw new Error("no work has begun");
    return work;
  }

  #anyNode(): ClusterNode {
    const node = this.#random.pick(this.#nodes.filter(({ isUp }) => isUp)) ?? this.#nodes[0];
    if (node === undefined) throw new Error("there is no node");
    return node;
  }

  #at(wall: number): number {
    return wall - this.#time.wallOffset;
  }

  #pass(ms: number): Promise<void> {
    return this.#time.run(this.#time.monotonic() + ms);
  }

  #add(fact: Fact): void {
    this.journal.add(fact);
  }
}

function person(user: string): UserPrincipal {
  return {
    kind: "user",
    user,
    session: `s-${user}`,
    grants: { subscribe: [], publish: [] },
    expiresAt: undefined,
    ...(holders.includes(user) && { claims: { roles: [role] } }),
  } as UserPrincipal;
}

/** Users that may answer a question. */
function audienceOf({ for: audience }: Question, owner: string): readonly string[] {
  if (audience === undefined) return [owner];
  const named = new Set(audience.users ?? []);
  if (audience.roles?.includes(role)) for (const holder of holders) named.add(holder);
  return users.filter((user) => named.has(user));
}
