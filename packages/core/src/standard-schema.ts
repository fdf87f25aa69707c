export {
  describeIssue,
  type SchemaIssue,
  type SchemaOutcome,
  type StandardSchema,
} from "@milepost/protocol";
