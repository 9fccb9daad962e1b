/**
 * A client program without Effect. It streams a reply, then reads events from a position. Run it against a gateway on this
 * machine: `GATEWAY_TOKEN=$(npx causeway token show) npx node examples/client.ts`
 */
import { connect } from "@causeway/gateway/client"
import type { Position } from "@causeway/gateway/domain"

const { GATEWAY_TOKEN, GATEWAY_URL = "ws://127.0.0.1:18789/rpc" } = process.env

const gateway = connect({ url: GATEWAY_URL, token: GATEWAY_TOKEN })
for await (const piece of gateway.reply("hello")) process.stdout.write(piece)
process.stdout.write("\n")

// Every event has a position. A program that keeps the last one misses no event while it is disconnected.
const { position } = await gateway.call("chat.send", { text: "and again", sessionKey: "agent:main:main" })
const lines = await eventsUntilRunEnds(position)
console.log(lines.join("\n"))
await gateway.close()

async function eventsUntilRunEnds(from: Position): Promise<ReadonlyArray<string>> {
  const lines: Array<string> = []
  for await (const item of gateway.events({ topics: ["chat"] }, from)) {
    if (item._tag !== "Event") continue
    lines.push(`${item.seq} ${item.event._tag}`)
    if (item.event._tag === "RunEnded") break
  }
  return lines
}
