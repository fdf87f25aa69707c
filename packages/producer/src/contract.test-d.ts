import type { ProducerGateway } from "@milepost/model";
import { defineContract, unchecked } from "@milepost/protocol";
import { describe, expectTypeOf, it } from "vitest";
import type { Operation } from "./operation.ts";
import { createProducer } from "./producer.ts";

const contract = defineContract({
  operations: {
    index: {
      input: unchecked<{ folder: string }>(),
      result: unchecked<{ files: number }>(),
      steps: ["read", "write"],
      texts: ["summary"],
    },
    sweep: { steps: ["sweep"] },
  },
});

declare const gateway: ProducerGateway;
const producer = createProducer<typeof contract>({ gateway });
const input = { folder: "docs" };

describe("a producer with a contract", () => {
  it("[W10] a producer has the same type from the contract's value and from its type", () => {
    expectTypeOf(createProducer({ gateway, contract })).toEqualTypeOf(producer);
  });

  it("[W10] a producer runs only the kinds that the contract names", () => {
    const run = producer.run({ kind: "index", input, user: "7" }, () => ({ files: 3 }));
    expectTypeOf(run).resolves.toExtend<{ files: number }>();
    void producer.run({ kind: "sweep" }, () => "anything");
    // @ts-expect-error: no such kind
    void producer.run({ kind: "indx", input }, () => ({ files: 3 }));
  });

  it("[W10] a producer requires the input that the contract defines for the kind", () => {
    // @ts-expect-error: no input
    void producer.run({ kind: "index" }, () => ({ files: 3 }));
    // @ts-expect-error: another input
    void producer.run({ kind: "index", input: { folder: 5 } }, () => ({ files: 3 }));
    // @ts-expect-error: the input of another kind
    void producer.start({ kind: "index", input: "docs" }, () => ({ files: 3 }));
  });

  it("[W10] a producer requires the result that the contract defines for the kind", () => {
    // @ts-expect-error: another result
    void producer.run({ kind: "index", input }, () => ({ files: "3" }));
    // @ts-expect-error: no result
    void producer.run({ kind: "index", input }, async () => {});
    // @ts-expect-error: another result
    void producer.start({ kind: "index", input }, () => ({ lines: 3 }));
  });

  it("[W10] a producer accepts only the steps and text streams that the contract names for the kind", () => {
    void producer.run({ kind: "index", input, steps: [{ id: "read" }] }, async (op) => {
      op.step("read");
      await op.step("write", (step) => step.progress({ percent: 50 }));
      op.text("summary").append("…");
      op.steps([{ id: "read", weight: 2 }]);
      // @ts-expect-error: no such step
      op.step("wrote");
      // @ts-expect-error: no such step
      await op.step("reading", () => 1);
      // @ts-expect-error: no such step
      op.steps([{ id: "reading" }]);
      // @ts-expect-error: no such text stream
      op.text("sumary");
      return { files: 3 };
    });
    // @ts-expect-error: a step of another kind
    void producer.run({ kind: "sweep", steps: [{ id: "read" }] }, () => 1);
  });

  it("[W10] a producer has workers only for the kinds that the contract names", () => {
    const worker = producer.worker({
      kind: "index",
      run: async (op, job: { path: string }) => {
        op.step("read");
        // @ts-expect-error: no such step
        op.step("wrote");
        return { files: job.path.length };
      },
      shownInput: (job) => ({ folder: job.path }),
    });
    worker.submit({ input: { path: "docs" } });
    // @ts-expect-error: another input
    worker.submit({ input: { folder: "docs" } });
    // @ts-expect-error: nothing that watchers see, where the contract wants an input
    producer.worker({ kind: "index", run: async (_op, _job: string) => ({ files: 3 }) });
    producer.worker({
      kind: "index",
      // @ts-expect-error: another result
      run: async (_op, _job: string) => ({ lines: 3 }),
      shownInput: (folder) => ({ folder }),
    });
    producer.worker({
      // @ts-expect-error: no such kind
      kind: "indx",
      run: async () => ({ files: 3 }),
      shownInput: () => input,
    });
  });

  it("[W10] a producer without a contract runs work of any kind", () => {
    const open = createProducer({ gateway });
    expectTypeOf(open.run({ kind: "any", input: 5 }, () => 7)).resolves.toEqualTypeOf<number>();
    void open.run({ kind: "any" }, (op) => expectTypeOf(op).toEqualTypeOf<Operation>());
    open.worker<string, number>({ kind: "any", run: async (_op, text) => text.length });
  });
});
