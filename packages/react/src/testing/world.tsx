import { type Client, createClient } from "@milepost/client";
import { ManualClock, ScriptedGateway, settle } from "@milepost/client/testing";
import { type OperationEvent, type OperationState, reduceOperation } from "@milepost/model";
import { act } from "@testing-library/react";
import { type ReactNode, StrictMode } from "react";
import { MilepostProvider } from "../provider.tsx";

/** Client that is connected to a scripted gateway, with a wrapper component that provides the client. */
export interface World {
  readonly client: Client;
  readonly gateway: ScriptedGateway;
  readonly clock: ManualClock;
  readonly errors: unknown[];
  readonly wrapper: (props: { readonly children: ReactNode }) => ReactNode;
  /** Runs an action, such as a message of the gateway, and waits until React has rendered its effect. */
  after(does: () => unknown): Promise<void>;
  accept(): Promise<void>;
  /** Answers the subscribe to a channel. */
  answer(channel: string, result: object): Promise<void>;
}

/** Creates the scripted gateway, the clock and the client options of a test. */
export function testParts() {
  const clock = new ManualClock();
  const gateway = new ScriptedGateway();
  const errors: unknown[] = [];
  const options = {
    url: "ws://gateway.test/ws",
    webSocket: gateway.webSocket,
    clock,
    random: () => 0.5,
    onError: (error: unknown) => errors.push(error),
  };
  return { clock, gateway, errors, options };
}

export function setUp(): World {
  const { clock, gateway, errors, options } = testParts();
  const client = createClient(options);
  const after = (does: () => unknown) =>
    act(async () => {
      await does();
      await settle();
    });
  return {
    client,
    gateway,
    clock,
    errors,
    after,
    wrapper: ({ children }) => (
      <StrictMode>
        <MilepostProvider client={client}>{children}</MilepostProvider>
      </StrictMode>
    ),
    accept: () => after(() => gateway.last.accept()),
    answer: (channel, result) =>
      after(async () => {
        const { sent } = gateway.last;
        const index = sent.findIndex((one) => one.type === "subscribe" && one.channel === channel);
        const [message] = index < 0 ? [] : sent.splice(index, 1);
        if (message === undefined)
          throw new Error(`the client sent no subscribe to ${channel}, or it was already answered`);
        await gateway.last.reply(message as { id: number }, { channel, ...result });
      }),
  };
}

export const at = (offset: number) => `e1.${offset}.t${offset}`;

/** Returns an operation's state after these events, from offset 1 on. */
export function fold(...events: OperationEvent[]): OperationState {
  let state: OperationState | undefined;
  events.forEach(({ event, data }, i) => {
    state = reduceOperation(state, { event, data, ts: 1_700_000_000_000, offset: i + 1 });
  });
  if (state === undefined) throw new Error("the first event passed to fold() must be `created`");
  return state;
}

export const created: OperationEvent = {
  event: "created",
  data: {
    operation_id: "9",
    kind: "index",
    title: "Index the folder",
    steps: [
      { id: "scan", title: "Scan" },
      { id: "embed", title: "Embed" },
    ],
  },
};

/** Returns the result for a subscribe to an operation, with the state as its snapshot. */
export function operationAnswer(state: OperationState | null): object {
  return {
    position: at(state?.offset ?? 0),
    recovered: false,
    snapshot: { projection: "operation", state },
  };
}

/** Returns an event message of a channel. */
export function event(channel: string, offset: number, name: string, data: unknown): object {
  return { type: "event", channel, position: at(offset), event: name, data, ts: 1_700_000_000_000 };
}
