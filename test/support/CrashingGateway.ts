/** A gateway for tests that kill it in the middle of its turns. Run as `node CrashingGateway.ts <place> <round>`. */
import { sendWithoutEnd } from "./EndlessSends.ts"

const [, , place = "", round = "0"] = process.argv

void sendWithoutEnd({ place }, (sessionKey, number) => ({
  text: `/slow 15 /tool ${sessionKey} ${round}.${number}`,
  line: (runId) => `${sessionKey} ${runId}`,
}))
