export { type Answer, type AnswerOptions, type Publish, streamAnswer } from "./answer.ts";
export { type Asked, type AskOptions, QuestionClosed } from "./asking.ts";
export type { Cancel, Clock } from "./clock.ts";
export type { JobOf, OperationOf, RunOptions, WorkerOf, WorkOf } from "./contract.ts";
export type { DrivenOperation, DriveOptions } from "./driven-operation.ts";
export {
  createEncryption,
  type EncryptedPublishOptions,
  encryptedPublish,
} from "./encryption.ts";
export {
  type GatewaySigning,
  type HttpGateway,
  type HttpGatewayOptions,
  httpGateway,
} from "./http-gateway.ts";
export type { Input, InputsOptions } from "./inputs.ts";
export type {
  Operation,
  Pausable,
  ProgressUpdate,
  Step,
  StepUpdate,
  TextStream,
} from "./operation.ts";
export type { Outcome } from "./outcome.ts";
export type { CommandHandler, OwnCommand, ReceivedCommand } from "./own-commands.ts";
export type { Problem, ProblemListener } from "./problem.ts";
export {
  createProducer,
  type Producer,
  type ProducerOptions,
  type ProducerQueue,
  type Run,
} from "./producer.ts";
export type { Random } from "./random.ts";
export { createStudio, type StudioOptions } from "./studio.ts";
export type { TextPiece, TextSource } from "./text-source.ts";
export type { QueueWork, QueueWorkOptions, ServedTicket, TicketJob } from "./ticket-worker.ts";
export type { WorkSpec } from "./tracked-operation.ts";
export type { Submission, Submitted, Worker, WorkerOptions } from "./worker.ts";
