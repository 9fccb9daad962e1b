/**
 * AgentMessages: the JSON-RPC messages between the gateway and the process of an agent, one in each line. It drops lines that
 * are no message, so that a stray print does not end the session. It hands `session/update` over in order and reads on
 * only after each was taken, so that a fast agent waits for the gateway. AgentConnection uses it.
 */
import type { AnyMessage, Stream } from "@agentclientprotocol/sdk"
import { once } from "node:events"
import { type JsonRpcMessage, jsonRpcIn, linesOf } from "../../processes/Lines.ts"
import type { SupervisedProcess } from "../../processes/SupervisedProcess.ts"

/** The longest message of an agent. A whole file may be in it. */
const MESSAGE_BYTES = 16 * 1_048_576

/** Returns the stream for the SDK. `onUpdate` takes the parameters of each `session/update`. */
export const messagesOf = (
  { lastLines, stdin, stdout }: Pick<SupervisedProcess, "lastLines" | "stdin" | "stdout">,
  onUpdate: (params: unknown) => Promise<void>,
): Stream => {
  /** The ids of the gateway's open requests. The SDK would print responses to others. */
  const asked = new Set<unknown>()
  const lines = linesOf(stdout, MESSAGE_BYTES)

  const readable = new ReadableStream<AnyMessage>(
    {
      pull: async (controller) => {
        for (;;) {
          const line = await lines.next()
          if (line.done === true) return controller.close()
          const message = jsonRpcIn(line.value)
          if (message === undefined) lastLines.addLine(line.value)
          else if (message["method"] === "session/update") await onUpdate(message["params"])
          else if (isCall(message) || isAnswer(message, asked)) return controller.enqueue(message as AnyMessage)
        }
      },
      cancel: async () => void (await lines.return()),
    },
    { highWaterMark: 0 },
  )

  const writable = new WritableStream<AnyMessage>({
    write: async (message) => {
      if ("method" in message && "id" in message) asked.add(message.id)
      if (!stdin.write(`${JSON.stringify(message)}\n`)) await once(stdin, "drain")
    },
  })

  return { readable, writable }
}

const isCall = ({ id, method }: JsonRpcMessage): boolean =>
  typeof method === "string" && (id === undefined || typeof id === "string" || typeof id === "number")

const isAnswer = (message: JsonRpcMessage, asked: Set<unknown>): boolean =>
  !("method" in message) && asked.delete(message["id"])
