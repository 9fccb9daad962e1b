/**
 * MessageBudget: limits the messages that the agents of one tree of sessions send within an hour. Without it, two agents
 * that answer each other would never stop. SendTool and SpawnTool share one.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { ToolFailed } from "../tools/AgentTool.ts"

const HOUR_MS = 3_600_000

export class MessageBudget extends Context.Service<
  MessageBudget,
  {
    /** Counts one message of the tree with this root. Fails if the tree has sent as many as it may within an hour. */
    spend(root: string): Effect.Effect<void, ToolFailed>
  }
>()("causeway/services/toolkit/MessageBudget") {
  static readonly layer: Layer.Layer<MessageBudget, never, GatewayConfig> = Layer.effect(
    MessageBudget,
    Effect.gen(function* () {
      const { messagesPerHour } = (yield* GatewayConfig).tools
      const sent = new Map<string, ReadonlyArray<number>>()

      /** Removes the trees that sent nothing within the hour, so that the map stays small. */
      const forget = (since: number) => {
        for (const [root, times] of sent) if ((times.at(-1) ?? 0) <= since) sent.delete(root)
      }

      return MessageBudget.of({
        spend: Effect.fnUntraced(function* (root) {
          const now = yield* Clock.currentTimeMillis
          forget(now - HOUR_MS)
          const times = (sent.get(root) ?? []).filter((time) => time > now - HOUR_MS)
          if (times.length >= messagesPerHour) return yield* new ToolFailed({ message: spent(messagesPerHour) })
          sent.set(root, [...times, now])
        }),
      })
    }),
  )
}

const spent = (max: number) =>
  `The agents of this conversation have sent ${max} messages to other sessions within an hour, which is the limit. Answer with what you have.`
