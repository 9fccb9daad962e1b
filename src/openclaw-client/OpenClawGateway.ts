/**
 * OpenClawGateway: the operator's client of an OpenClaw gateway for programs without Effect: promises for requests, async
 * iterables and listeners for events.
 *
 *     const gateway = connect({ url: "ws://127.0.0.1:18789/", token })
 *     await gateway.connected()
 *     const { agents } = await gateway.call("agents.list")
 *     for await (const item of gateway.events()) console.log(item)
 *     await gateway.close()
 */
import * as PromiseClient from "../client/PromiseClient.ts"
import type { RequestOptions } from "./Connection.ts"
import type { OpenClawEventName, OpenClawPayload } from "./Events.ts"
import type { OpenClawArguments, OpenClawMethod, OpenClawResult } from "./Methods.ts"
import { OpenClawClient, type OpenClawOptions } from "./OpenClawClient.ts"
import type { OpenClawState } from "./OpenClawState.ts"
import type { OpenClawItem } from "./Subscribers.ts"

export interface RequestSettings {
  /** The time until the first answer in milliseconds. 30,000 by default. */
  readonly timeout?: number | undefined
  /** Waits for the second answer of a method with two, such as `agent`. */
  readonly final?: boolean | undefined
  /** Cancels the request: it rejects with the signal's reason. The gateway may still carry it out. */
  readonly signal?: AbortSignal | undefined
}

export interface OpenClawGateway {
  /** Waits until the client is connected. Rejects with `OpenClawRefused` if the gateway refuses it for good. */
  connected(options?: { readonly signal?: AbortSignal }): Promise<void>
  /**
   * Calls a method whose result has a type. Rejects with `RequestRefused` if the gateway answers with an error, and with
   * `RequestUnanswered` if the client is not connected or no answer comes. The client never sends a request twice.
   */
  call<M extends OpenClawMethod>(method: M, ...args: OpenClawArguments<M, RequestSettings>): Promise<OpenClawResult<M>>
  /** Calls any method and resolves to the payload of its answer. */
  request(method: string, params?: unknown, settings?: RequestSettings): Promise<unknown>
  /**
   * Iterates over the events, in order and over drops. `Joined` comes first and after each interruption. If its `reset` is
   * not `null`, events may be missing before it: fetch the lists again.
   */
  events(): AsyncIterable<OpenClawItem>
  /** Calls the listener with the payloads of one typed event. Returns a function that stops it. */
  on<N extends OpenClawEventName>(name: N, listener: (payload: OpenClawPayload<N>) => void): () => void
  /** Calls the listener with the state of the connection, now and at every change. Returns a function that stops it. */
  onState(listener: (state: OpenClawState) => void): () => void
  /** Closes the connection with 1000 "shutdown". Requests and loops in progress reject. */
  close(): Promise<void>
}

/** Connects and stays connected until `close`. Returns at once; `onState` reports the state. */
export const connect = (options: OpenClawOptions): OpenClawGateway => {
  const { close, iterate, listen, run } = PromiseClient.make(OpenClawClient, OpenClawClient.layer(options))
  return {
    connected: ({ signal } = {}) => run((client) => client.connected, signal),
    call: <M extends OpenClawMethod>(method: M, ...args: OpenClawArguments<M, RequestSettings>) => {
      const [params, { signal, ...request } = {}] = args
      // The compiler does not see that these are the arguments of M.
      const rest = [params, request] as OpenClawArguments<M, RequestOptions>
      return run((client) => client.call(method, ...rest), signal)
    },
    request: (method, params, { signal, ...request } = {}) =>
      run((client) => client.request(method, params, request), signal),
    events: () => iterate((client) => client.events),
    on: (name, listener) => listen((client) => client.on(name), listener),
    onState: (listener) => listen((client) => client.state.changes, listener),
    close,
  }
}
