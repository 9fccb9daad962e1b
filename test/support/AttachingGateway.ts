/**
 * A gateway for tests that kill it while messages bring files. Each message has a file of its own. Its line has the name of
 * the file and the id of the content. Run as `node AttachingGateway.ts <place> <state folder> <round>`.
 */
import { hash } from "node:crypto"
import { sendWithoutEnd } from "./EndlessSends.ts"
import { upload } from "./Files.ts"

const [, , place = "", stateDir = "", round = "0"] = process.argv

void sendWithoutEnd({ place, stateDir }, (sessionKey, number) => {
  const name = `${sessionKey}-${round}-${number}.txt`
  return { text: "hi", attachments: [upload(name, name)], line: () => `${name} ${hash("sha256", name, "hex")}` }
})
