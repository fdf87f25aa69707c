/** The export `./signing`: verifies signatures that travel with publications. It is loaded only by pages that import it. */
export {
  JsonText,
  type ReceivedPublication,
  type SigningSecrets,
  type Verification,
  type VerifyOptions,
  verifyPublication,
} from "@milepost/protocol";
