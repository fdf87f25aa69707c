import type {
  AnswerQuestion,
  AskQuestion,
  ClaimTicket,
  ConfigureQueue,
  CreateOperation,
  ExtendTicket,
  FailTicket,
  FinishTicket,
  JoinQueue,
  OperationFilter,
  QueuedOperation,
  ReportedEvent,
  RequestCommand,
  RequestCommands,
  SendInput,
} from "@milepost/model";
import { describe, expectTypeOf, it } from "vitest";
import type { z } from "zod";
import type { answerQuestionSchema, askQuestionSchema } from "./question-schemas.ts";
import type {
  claimTicketSchema,
  configureQueueSchema,
  extendTicketSchema,
  failTicketSchema,
  finishTicketSchema,
  joinQueueSchema,
} from "./queue-schemas.ts";
import type {
  createOperationSchema,
  operationFilterSchema,
  reportedEventSchema,
  requestCommandSchema,
  requestCommandsSchema,
  sendInputSchema,
} from "./schemas.ts";

/** Names of the fields that an endpoint passes on; any other one of a request is dropped. */
type FieldsOf<Schema extends z.ZodType> = keyof z.output<Schema>;

describe("bodies of requests", () => {
  it("[W8] an endpoint takes each field that the model has for it", () => {
    expectTypeOf<FieldsOf<typeof createOperationSchema>>().toEqualTypeOf<keyof CreateOperation>();
    expectTypeOf<FieldsOf<typeof requestCommandSchema>>().toEqualTypeOf<keyof RequestCommand>();
    expectTypeOf<FieldsOf<typeof requestCommandsSchema>>().toEqualTypeOf<keyof RequestCommands>();
    expectTypeOf<FieldsOf<typeof sendInputSchema>>().toEqualTypeOf<keyof SendInput>();
    expectTypeOf<FieldsOf<typeof askQuestionSchema>>().toEqualTypeOf<keyof AskQuestion>();
    expectTypeOf<FieldsOf<typeof answerQuestionSchema>>().toEqualTypeOf<keyof AnswerQuestion>();
    expectTypeOf<FieldsOf<typeof configureQueueSchema>>().toEqualTypeOf<keyof ConfigureQueue>();
    expectTypeOf<FieldsOf<typeof joinQueueSchema>>().toEqualTypeOf<keyof JoinQueue>();
    expectTypeOf<FieldsOf<typeof claimTicketSchema>>().toEqualTypeOf<keyof ClaimTicket>();
    expectTypeOf<FieldsOf<typeof extendTicketSchema>>().toEqualTypeOf<keyof ExtendTicket>();
    expectTypeOf<FieldsOf<typeof finishTicketSchema>>().toEqualTypeOf<keyof FinishTicket>();
    expectTypeOf<FieldsOf<typeof failTicketSchema>>().toEqualTypeOf<keyof FailTicket>();
    expectTypeOf<FieldsOf<typeof reportedEventSchema>>().toEqualTypeOf<keyof ReportedEvent>();
    expectTypeOf<FieldsOf<typeof operationFilterSchema>>().toEqualTypeOf<keyof OperationFilter>();
    type Queued = Exclude<z.output<typeof joinQueueSchema>["operation"], string | undefined>;
    expectTypeOf<keyof Queued>().toEqualTypeOf<keyof QueuedOperation>();
  });
});
