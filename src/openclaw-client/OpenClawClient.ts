/**
 * OpenClawClient: the operator's client of an OpenClaw gateway for programs with Effect: typed and untyped requests, events
 * that continue over drops, pairing and device tokens. OpenClawGateway.ts and your programs use it.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Socket from "effect/socket/Socket"
import { WebSocket } from "ws"
import type { ConnectionStates } from "../client/ConnectionStates.ts"
import { webSocketUrl } from "../client/GatewayUrl.ts"
import * as PinnedWebSocket from "../client/PinnedWebSocket.ts"
import { VERSION } from "../domain/Version.ts"
import { LONGEST_MS } from "./Backoff.ts"
import type { ClientInfo } from "./Connect.ts"
import * as Connection from "./Connection.ts"
import * as DeviceFile from "./DeviceFile.ts"
import { isEvent, type OpenClawEventName, type OpenClawPayload } from "./Events.ts"
import { methods, type OpenClawArguments, type OpenClawMethod, type OpenClawResult } from "./Methods.ts"
import { type OpenClawError, RequestUnanswered } from "./OpenClawError.ts"
import type { OpenClawState } from "./OpenClawState.ts"
import type { OpenClawItem } from "./Subscribers.ts"

export interface OpenClawOptions {
  /** The address: `ws://127.0.0.1:18789/`, `https://host/path`, `127.0.0.1:18789`. Without a scheme, it gets `ws`. */
  readonly url: string
  /** The gateway's token. */
  readonly token?: Redacted.Redacted<string> | string | undefined
  /** The gateway's password. */
  readonly password?: Redacted.Redacted<string> | string | undefined
  /**
   * The file of this device's key and device tokens, which only its owner can read. The client creates it. Gateways on
   * other machines require a device, which an operator approves once. Without a file, the client is not a device.
   */
  readonly deviceFile?: string | undefined
  /** The rights that the client requests. `["operator.read"]` by default. */
  readonly scopes?: ReadonlyArray<string> | undefined
  /** The abilities of the client. `["tool-events"]` by default: events also contain the steps of tools. */
  readonly caps?: ReadonlyArray<string> | undefined
  /** The name of this program in lists of clients. OpenClaw accepts the ids and modes of its own clients only. */
  readonly client?: Partial<ClientInfo> | undefined
  /** The SHA-256 fingerprint of the gateway's certificate, if no authority has signed it. Requires `wss`. */
  readonly fingerprint?: string | undefined
  /** The time until the answer to a request. 30 seconds by default; a plain number is milliseconds. */
  readonly requestTimeout?: Duration.Input | undefined
  /** The longest pause between two attempts. 30 seconds by default; a plain number is milliseconds. */
  readonly maxBackoff?: Duration.Input | undefined
}

/** The gateway has refused the client for good, so it never connects. */
export class OpenClawRefused extends Schema.TaggedError<OpenClawRefused>()("OpenClawRefused", {
  code: Schema.String,
  reason: Schema.String,
}) {
  override get message(): string {
    return `the gateway refused the client: ${this.reason}`
  }
}

const redacted = (secret: Redacted.Redacted<string> | string | undefined) =>
  secret === undefined || Redacted.isRedacted(secret) ? secret : Redacted.make(secret)

/** The largest frame that a gateway may send. */
const bounds = { maxPayload: 26_214_400, closeTimeout: 2_000 }

/** OpenClaw refuses other ids and modes. Its gateways on the same machine let these keep their scopes without a device. */
const CLIENT: ClientInfo = { id: "gateway-client", mode: "backend", version: VERSION, platform: process.platform }

const urlOf = ({ fingerprint, url }: OpenClawOptions): URL => {
  const parsed = webSocketUrl(url)
  if (parsed === undefined) throw new TypeError(`${url} is not the address of a gateway: write host:port or a URL`)
  if (fingerprint !== undefined && parsed.protocol !== "wss:")
    throw new TypeError("a fingerprint proves nothing without TLS: write the address with wss://")
  return parsed
}

const isSettled = ({ _tag }: OpenClawState) => _tag === "Connected" || _tag === "Refused"

export class OpenClawClient extends Context.Service<
  OpenClawClient,
  {
    /** The state of the connection. `changes` emits the state now and then every change. */
    readonly state: Pick<ConnectionStates<OpenClawState>, "changes" | "current">
    /** Waits until the client is connected. Fails if the gateway refuses it for good. */
    readonly connected: Effect.Effect<void, OpenClawRefused>
    /**
     * Calls a method whose result has a type: `call("agents.list")`. Fails with `RequestRefused` if the gateway answers
     * with an error, and with `RequestUnanswered` if the client is not connected or no answer comes. The client never
     * sends a request twice.
     */
    call<M extends OpenClawMethod>(
      method: M,
      ...args: OpenClawArguments<M, Connection.RequestOptions>
    ): Effect.Effect<OpenClawResult<M>, OpenClawError>
    /** Calls any method and returns the payload of its answer. */
    request(
      method: string,
      params?: unknown,
      options?: Connection.RequestOptions,
    ): Effect.Effect<unknown, OpenClawError>
    /**
     * The events of the gateway, in order and over drops. `Joined` comes first and after each interruption. If its `reset`
     * is not `null`, events may be missing before it: fetch the lists again. Events that come meanwhile wait.
     */
    readonly events: Stream.Stream<OpenClawItem>
    /** The payloads of one typed event. Payloads of another shape are left out. */
    on<N extends OpenClawEventName>(name: N): Stream.Stream<OpenClawPayload<N>>
  }
>()("causeway/openclaw-client/OpenClawClient") {
  /** Does the same as `layer` with a WebSocket of your own. */
  static readonly layerNoDeps = (
    options: OpenClawOptions,
  ): Layer.Layer<OpenClawClient, DeviceFile.DeviceFileProblem, Socket.WebSocketConstructor> =>
    Layer.effect(
      OpenClawClient,
      Effect.gen(function* () {
        const { caps = ["tool-events"], client, deviceFile, password, requestTimeout, scopes, token } = options
        const { request, states, subscribers } = yield* Connection.make({
          url: yield* Effect.sync(() => urlOf(options)),
          token: redacted(token),
          password: redacted(password),
          device: deviceFile === undefined ? undefined : yield* DeviceFile.open(deviceFile),
          client: { ...CLIENT, ...client },
          scopes: scopes ?? ["operator.read"],
          caps,
          requestTimeout: requestTimeout ?? "30 seconds",
          maxBackoffMs: Duration.toMillis(options.maxBackoff ?? LONGEST_MS),
        })

        const outcome = (now: OpenClawState) =>
          now._tag === "Refused"
            ? Effect.fail(new OpenClawRefused({ code: now.code, reason: now.reason }))
            : Effect.void
        const connected = Effect.flatMap(states.first(isSettled), outcome)

        const call = <M extends OpenClawMethod>(
          method: M,
          ...[params, options]: OpenClawArguments<M, Connection.RequestOptions>
        ): Effect.Effect<OpenClawResult<M>, OpenClawError> =>
          Effect.flatMap(request(method, params, options), (payload) =>
            Schema.is(methods[method].result)(payload)
              ? Effect.succeed(payload)
              : Effect.fail(new RequestUnanswered({ method, reason: "unreadable" })),
          )

        const on = <N extends OpenClawEventName>(name: N) =>
          subscribers.stream.pipe(
            Stream.filter((item) => item._tag === "Event"),
            Stream.filter((event) => isEvent(event, name)),
            Stream.map(({ payload }) => payload),
          )

        return OpenClawClient.of({ state: states, connected, call, request, events: subscribers.stream, on })
      }),
    )

  /**
   * Connects in the background, and reconnects until the scope closes. Fails if the device's file is unusable. Dies with a
   * TypeError if the address or the fingerprint is something else.
   */
  static readonly layer = (options: OpenClawOptions): Layer.Layer<OpenClawClient, DeviceFile.DeviceFileProblem> =>
    OpenClawClient.layerNoDeps(options).pipe(
      Layer.provide(
        Layer.suspend(() =>
          options.fingerprint === undefined
            ? Layer.succeed(Socket.WebSocketConstructor)((url) => new WebSocket(url, bounds))
            : PinnedWebSocket.layer(options.fingerprint, bounds),
        ),
      ),
    )
}
