/**
 * The one configuration of a gateway: every option with its default and its trade. Pure: where the values come from
 * (flags, environment, a YAML file) is cli/LoadConfig.ts; an embedding program builds it with `GatewayConfig.layer`.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { parseRange } from "./Address.ts"
import { Limits } from "./Limits.ts"
import { originProblem } from "./PageOrigin.ts"

const option = <S extends Schema.Top>(schema: S, value: S["Encoded"], description: string) =>
  Schema.withDecodingDefaultKey<S>(Effect.succeed(value))(schema).annotateKey({ description, default: value })

const IsRange = Schema.makeFilter((text: string) =>
  parseRange(text) === undefined ? "must be an address, or a range as 10.0.0.0/8" : undefined,
)
const IsOrigin = Schema.makeFilter(originProblem)
const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))
const Millis = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

/**
 * Blanks and line ends around a secret are not part of it: no HTTP header can carry them, and files end with a line end.
 * A control character within it is refused for the same reason.
 */
const secret = (label: string) =>
  Schema.RedactedFromValue(
    Schema.Trim.check(Schema.isPattern(/^\P{Cc}+$/u, { expected: "one line of text without control characters" })),
    { label },
  )

/** Every option as it is in force. Times are in milliseconds and sizes in bytes, as their names say. */
export const GatewaySettings = Schema.Struct({
  enabled: option(Schema.Boolean, true, "Off: the process says so and ends with code 0."),
  host: option(
    Schema.NonEmptyString,
    "127.0.0.1",
    "The address to listen on. Anything but a loopback address needs a token.",
  ),
  port: option(
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65_535 })),
    18_789,
    "The one port. 0 takes any free one and prints it.",
  ),
  path: option(
    Schema.String.check(Schema.isPattern(/^\/[^\s?#]*$/, { expected: "a path such as /ws" })),
    "/ws",
    "Where dashboards and JSON-RPC clients connect.",
  ),
  basePath: option(
    Schema.String.check(
      // No segment is `.` or `..`.
      Schema.isPattern(/^(\/(\.{0,2}[\w~-][\w.~-]*|\.{3}[\w.~-]*))*$/, {
        expected: "a path such as /causeway, without a slash at its end",
      }),
    ),
    "",
    "A path that every route, wire and page is below, e.g. /causeway. Set it behind a proxy that does not strip its prefix. Requests outside of it get 404.",
  ),
  auth: option(
    Schema.Literals(["token", "none"]),
    "token",
    "How a client proves itself. `none` trusts everybody who can reach the port, so it is allowed on loopback only.",
  ),
  token: Schema.optionalKey(secret("gateway token")).annotateKey({
    description: "The shared secret. Left out: made at the first start and kept in the state folder, mode 0600.",
  }),
  password: Schema.optionalKey(secret("gateway password")).annotateKey({
    description: "A second shared secret, for people: as good as the token on every wire.",
  }),
  allowedOrigins: option(
    Schema.Array(Schema.String.check(IsOrigin)),
    [],
    "Browser origins that may connect besides the gateway's own, as scheme://host[:port], e.g. https://dash.example.org or chrome-extension://ID. Patterns are refused: list each origin.",
  ),
  trustedProxies: option(
    Schema.Array(Schema.String.check(IsRange)),
    [],
    "Reverse proxies in front of the gateway, as addresses or ranges (127.0.0.1, 10.0.0.0/8). Their clients are counted, listed and locked out by the address in clientAddressHeader. The gateway ignores that header from any other peer.",
  ),
  clientAddressHeader: option(
    Schema.String.check(Schema.isPattern(/^[A-Za-z0-9-]+$/, { expected: "the name of a header, e.g. x-real-ip" })),
    "x-forwarded-for",
    "The header by which the trusted proxies name the client. They must append to it or overwrite it: a client chooses its address through a proxy that passes the header on unchanged.",
  ),
  openclaw: option(
    Schema.Struct({
      strict: option(
        Schema.Boolean,
        false,
        "Refuses OpenClaw clients whose `connect` is not exactly as its schema has it: unknown client ids, modes and fields. Off, they are welcome: most third-party clients have some.",
      ),
    }),
    {},
    "The OpenClaw protocol.",
  ),
  stateDir: option(
    Schema.NonEmptyString,
    "~/.causeway",
    "Where the database, the token and the lock are. One gateway to a folder.",
  ),
  memoryDir: Schema.optionalKey(Schema.NonEmptyString).annotateKey({
    description: "The folder of Markdown files that agents share. Left out: memory/ in the state folder.",
  }),
  controlUiDir: Schema.optionalKey(Schema.NonEmptyString).annotateKey({
    description:
      "The folder of OpenClaw's Control UI, e.g. node_modules/openclaw/dist/control-ui. Left out: it is not served.",
  }),
  runtime: option(Schema.NonEmptyString, "echo", "The runtime of agents that name none."),
  durability: option(
    Schema.Literals(["power", "process"]),
    "power",
    "What an acknowledgement survives: a power cut (every commit reaches the disk), or a crash of the process only (faster on slow disks).",
  ),
  lockWaitMs: option(
    Millis,
    5_000,
    "How long a write waits while another program keeps the database locked. Longer outlasts slow backups and shells; shorter tells clients sooner. Reads and probes go on meanwhile.",
  ),
  clock: option(
    Schema.Literals(["strict", "any"]),
    "strict",
    "A start with the clock more than a minute behind the newest event: `strict` refuses it, so that times do not run backwards unnoticed; `any` starts and says so in health. The order of events never depends on the clock.",
  ),
  runs: option(
    Schema.Struct({
      concurrent: option(Count, 4, "Runs at once over all agents. More wait in order."),
      concurrentPerAgent: option(Count, 4, "Runs at once of one agent."),
      waitingPerSession: option(
        Count,
        100,
        "Turns that may wait in one session. One more answers SessionBusy instead of growing the queue.",
      ),
      attempts: option(
        Count,
        10,
        "How many crashes may cut a run off before it fails. The first three times it begins again at once, then alone and after growing pauses, so that a run that crashes the gateway does not do so for ever. Planned stops do not count.",
      ),
      deadlineMs: option(
        Millis,
        600_000,
        "How long a run may take. Longer suits slow tools, shorter frees a place in the limits above. 0: no deadline.",
      ),
      replyChars: option(
        Count,
        1_048_576,
        "Characters that a run may say and may think; one that says more fails. What a tool is asked and answers is cut there. More costs memory while the run goes on, and may be more than a client takes at once.",
      ),
    }),
    {},
    "Limits on the work of agents.",
  ),
  events: option(
    Schema.Struct({
      retainRows: option(Count, 1_000_000, "Kept events. A client that was away for more takes a snapshot."),
      retainDays: option(Count, 30, "Age of the oldest kept event."),
    }),
    {},
    "How far back a client can resume.",
  ),
  monitorIntervalMs: option(
    Count,
    5_000,
    "How often what is stored is compared with what was told. Local changes are told at once; this catches the rest.",
  ),
  drainMs: option(
    Millis,
    4_000,
    "Time that running work gets when the gateway stops. What is not done by then is begun again by the next start.",
  ),
  restartExpectedMs: Schema.optionalKey(Millis).annotateKey({
    description:
      "Set it where a supervisor starts the gateway again whenever it stops, to the time that takes: clients are told, and show a restart instead of an end.",
  }),
  logLevel: option(
    Schema.Literals(["trace", "debug", "info", "warn", "error", "fatal"]),
    "info",
    "The least level that is logged.",
  ),
  logFormat: option(Schema.Literals(["pretty", "json"]), "pretty", "How the log is written to standard error."),
  limits: option(Limits, {}, "Limits of connections and frames."),
})
export type GatewaySettings = typeof GatewaySettings.Type

/** What may be given: every option may be left out. */
export type GatewayOptions = typeof GatewaySettings.Encoded

/** The options of a gateway: `GatewayConfig.layer({ port: 0, token: "secret" })`; what is left out has its default. */
export class GatewayConfig extends Context.Service<GatewayConfig, GatewaySettings>()("causeway/domain/GatewayConfig") {
  /** Options that do not fit their schema end the program: they are its text, not input. */
  static readonly layer = (options: GatewayOptions): Layer.Layer<GatewayConfig> =>
    Layer.effect(GatewayConfig, Effect.orDie(Schema.decodeEffect(GatewaySettings)(options)))
}
