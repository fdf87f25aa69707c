import {
  compact,
  type Fields,
  isId,
  listOf,
  maxIdBytes,
  objectOf,
  oneOf,
  type Parsed,
  parsed,
  type Reader,
  readBoolean,
  refused,
  textOf,
} from "@milepost/protocol";
import {
  type Accepts,
  acceptsBounds,
  builtInCommands,
  type CommandDefinition,
  isCommandName,
} from "./accepts.ts";
import { isLargerThan } from "./json-size.ts";
import { operationStatuses } from "./operation-status.ts";
import { type QuestionAudience, type QuestionOption, questionBounds } from "./question.ts";

const readTitle = textOf(200, 0);

/** Returns a reader that accepts any JSON value of at most so many characters. */
export function atMost(maxLength: number): Reader<unknown> {
  return (value) =>
    isLargerThan(value, maxLength)
      ? refused("bad_message", `must be at most ${maxLength} characters of JSON`)
      : parsed(value);
}

/** Accepts `true` only. */
export const readTrue: Reader<true> = (value) =>
  value === true ? parsed(value) : refused("bad_message", "must be true or absent");

/** Accepts the name of a command. */
export const readCommandName: Reader<string> = (value) =>
  typeof value === "string" && isCommandName(value)
    ? parsed(value)
    : refused(
        "bad_message",
        `must be ${builtInCommands.join(", ")} or the name of a command that the operation accepts: a lower-case letter, then letters, digits, "_", "-" and "."`,
      );

const readUser: Reader<string> = (value) =>
  isId(value)
    ? parsed(value)
    : refused("bad_message", `must be an id of at most ${maxIdBytes} bytes`);

/** Accepts the people that a question is for: at least one user or role. */
export const readAudience: Reader<QuestionAudience> = (value) => {
  const read = objectOf((fields) =>
    compact({
      users: fields.optional("users", listOf(readUser, 0, questionBounds.users)),
      roles: fields.optional("roles", listOf(textOf(questionBounds.role), 0, questionBounds.roles)),
    }),
  )(value);
  if (!read.ok) return read;
  const { users = [], roles = [] } = read.value;
  return users.length + roles.length > 0
    ? parsed(read.value)
    : refused("bad_message", "must name at least one user or role; leave it out to ask the owner");
};

const readOption: Reader<QuestionOption> = (value) =>
  typeof value === "string"
    ? objectOf((fields) => ({ id: fields.required("id", textOf(200)) }))({ id: value })
    : objectOf((fields) =>
        compact({
          id: fields.required("id", textOf(200)),
          title: fields.optional("title", readTitle),
          description: fields.optional("description", textOf(1_000, 0)),
        }),
      )(value);

/** Accepts the options of a question, with distinct ids. A plain text becomes an option with that id. */
export const readQuestionOptions: Reader<readonly QuestionOption[]> = (value) => {
  const read = listOf(readOption, 1, questionBounds.options)(value);
  if (!read.ok) return read;
  const ids = new Set(read.value.map(({ id }) => id));
  return ids.size === read.value.length
    ? read
    : refused("bad_message", "must have options with different ids");
};

const readDefinition: Reader<CommandDefinition> = (value) => {
  const read = objectOf((fields) =>
    compact({
      name: fields.required("name", readCommandName),
      title: fields.optional("title", readTitle),
      schema: fields.optional("schema", atMost(questionBounds.schema)),
      while: fields.optional(
        "while",
        listOf(oneOf(operationStatuses), 1, operationStatuses.length),
      ),
    }),
  )(value);
  if (!read.ok || !(builtInCommands as readonly string[]).includes(read.value.name)) return read;
  return refused("bad_message", `.name is ${read.value.name}, which every operation has already`);
};

const readDefinitions: Reader<readonly CommandDefinition[]> = (value) => {
  const read = listOf(readDefinition, 0, acceptsBounds.commands)(value);
  if (!read.ok) return read;
  if (isLargerThan(read.value, acceptsBounds.schemas)) {
    return refused("bad_message", `must be at most ${acceptsBounds.schemas} characters of JSON`);
  }
  const names = new Set(read.value.map(({ name }) => name));
  return names.size === read.value.length
    ? read
    : refused("bad_message", "must have commands with different names");
};

/** Reads the fields of what an operation accepts. */
export function readAcceptsFields(fields: Fields): Accepts {
  return compact({
    commands: fields.optional("commands", readDefinitions),
    inputs: fields.optional("inputs", oneOf(["queue", "reject", "interrupt"])),
    busy: fields.optional("busy", readBoolean),
  });
}

/** Accepts what an operation accepts. */
export const readAccepts: Reader<Accepts> = (value): Parsed<Accepts> => {
  const read = objectOf(readAcceptsFields)(value);
  if (!read.ok || Object.keys(read.value).length > 0) return read;
  return refused("bad_message", "must have commands, inputs or busy");
};
