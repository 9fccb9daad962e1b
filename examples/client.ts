/**
 * A program without Effect that talks to a gateway: a reply as it comes, then events that go on where they were.
 * With a gateway on this machine: `GATEWAY_TOKEN=$(npx causeway token show) node examples/client.ts`
 */
import { connect } from "@causeway/gateway/client"
import type { Position } from "@causeway/gateway/domain"

const { GATEWAY_TOKEN, GATEWAY_URL = "ws://127.0.0.1:18789/rpc" } = process.env

const gateway = connect({ url: GATEWAY_URL, token: GATEWAY_TOKEN })
for await (const piece of gateway.reply("hello")) process.stdout.write(piece)
process.stdout.write("\n")

// Every event has a position. Whoever keeps the last one that it saw misses nothing while it is away.
const { position } = await gateway.call("chat.send", { text: "and again", sessionKey: "agent:main:main" })
const seen = await happenedUntilTheEnd(position)
console.log(seen.join("\n"))
await gateway.close()

async function happenedUntilTheEnd(from: Position): Promise<ReadonlyArray<string>> {
  const tags: Array<string> = []
  for await (const item of gateway.events({ topics: ["chat"] }, from)) {
    if (item._tag !== "Event") continue
    tags.push(`${item.seq} ${item.event._tag}`)
    if (item.event._tag === "RunEnded") break
  }
  return tags
}
