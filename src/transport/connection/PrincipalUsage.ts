/**
 * PrincipalUsage: the calls, subscriptions, requests and bytes that each principal has in flight over all its connections
 * and HTTP requests, and the refusal of more. All clients with the shared token are one principal; each paired device is
 * another. The kernel, /rpc, the connections and RequestShare.ts count here.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import type { Limits } from "../../domain/Limits.ts"
import type { Principal } from "../../domain/Principal.ts"
import { RateLimited } from "../../domain/Refusal.ts"

/** Capacity may become free at any time; these pauses keep retries rare. */
const CALLS_RETRY_MS = 100
const BYTES_RETRY_MS = 1_000

/** Replies up to this size are not refused: the outbox of the connection bounds them. */
const SMALL_CHARS = 65_536

const noRoom = new RateLimited({ limit: "bytes-in-flight", retryAfterMs: BYTES_RETRY_MS })
const tooManyCalls = new RateLimited({ limit: "principal-calls", retryAfterMs: CALLS_RETRY_MS })
const tooManySubscriptions = new RateLimited({ limit: "subscriptions", retryAfterMs: BYTES_RETRY_MS })
const tooManyRequests = new RateLimited({ limit: "http-requests", retryAfterMs: BYTES_RETRY_MS })

/** The usage of one principal. Its users add and subtract. */
export class Usage {
  calls = 0
  subscriptions = 0
  requests = 0
  /**
   * Bytes of large frames that are on their way, of frames and bodies whose calls are not answered, and of replies that no
   * socket has taken.
   */
  bytes = 0
  readonly #limits: Limits

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** Returns the refusal of a call of this size, or `undefined` if the limits allow it. */
  callRefusal(bytes: number): RateLimited | undefined {
    return this.calls >= this.#limits.principalCalls ? tooManyCalls : this.bytesRefusal(bytes)
  }

  /** Returns the refusal of so many bytes from a client. A principal that has nothing in flight may send any frame. */
  bytesRefusal(bytes: number): RateLimited | undefined {
    return this.bytes + bytes > this.#limits.principalBytes && this.bytes > 0 ? noRoom : undefined
  }

  /** Returns the refusal of a reply of this size. A principal that has nothing in flight gets any reply. */
  answerRefusal(chars: number): RateLimited | undefined {
    return chars > SMALL_CHARS && this.bytes > 0 && this.bytes + chars > this.#limits.principalBytes
      ? noRoom
      : undefined
  }

  subscriptionRefusal(): RateLimited | undefined {
    return this.subscriptions >= this.#limits.principalSubscriptions ? tooManySubscriptions : undefined
  }

  requestRefusal(): RateLimited | undefined {
    return this.requests >= this.#limits.principalRequests ? tooManyRequests : undefined
  }
}

export class PrincipalUsage extends Context.Service<
  PrincipalUsage,
  {
    /** Returns the usage of the principal. There are as few principals as paired devices, so entries are never removed. */
    readonly of: (principal: Principal) => Usage
  }
>()("causeway/transport/connection/PrincipalUsage") {
  static readonly layer: Layer.Layer<PrincipalUsage, never, GatewayConfig> = Layer.effect(
    PrincipalUsage,
    Effect.map(GatewayConfig, ({ limits }) => {
      const usages = new Map<string, Usage>()
      return PrincipalUsage.of({
        of: ({ id }) => {
          let usage = usages.get(id)
          if (usage === undefined) usages.set(id, (usage = new Usage(limits)))
          return usage
        },
      })
    }),
  )
}
