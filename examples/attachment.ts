/**
 * A client program that sends a file with a message, and gets a link to it. Run it against a gateway on this machine:
 * `GATEWAY_TOKEN=$(npx causeway token show) npx node examples/attachment.ts cat.png "What is it?"`
 */
import { connect } from "@causeway/gateway/client"
import { readFile } from "node:fs/promises"
import { basename } from "node:path"

const { GATEWAY_TOKEN, GATEWAY_URL = "ws://127.0.0.1:18789/rpc" } = process.env
const [path = import.meta.filename, text = "What is in this file?"] = process.argv.slice(2)

const gateway = connect({ url: GATEWAY_URL, token: GATEWAY_TOKEN })
const sessionKey = "attachments"
const file = { name: basename(path), data: (await readFile(path)).toString("base64") }
for await (const piece of gateway.reply({ text, sessionKey, attachments: [file] })) process.stdout.write(piece)

// The message has a reference. The link opens the content in a browser, for some minutes and without a token.
const { attachments } = await gateway.call("attachments.list", { sessionKey, limit: 1 })
for (const { attachment } of attachments) {
  const { id, name, size, type } = attachment
  const { url } = await gateway.call("attachments.link", { id, name })
  console.log(`\n${name}: ${type}, ${size} bytes\n${new URL(url, GATEWAY_URL.replace(/^ws/, "http")).href}`)
}
await gateway.close()
