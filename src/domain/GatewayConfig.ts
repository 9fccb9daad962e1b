/**
 * GatewayConfig: every option of a gateway with its default and its trade. The command line reads the values from flags,
 * the environment and a YAML file. An embedding program builds it with `GatewayConfig.layer`.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { AcpAgents } from "./AcpAgent.ts"
import { parseRange } from "./Address.ts"
import { NAME_CHARS } from "./Bounds.ts"
import { FleetSettings } from "./FleetSettings.ts"
import { hostProblem } from "./HostPattern.ts"
import { HookSettings } from "./Hook.ts"
import { Limits } from "./Limits.ts"
import { McpServers } from "./McpServer.ts"
import { OtlpSettings } from "./OtlpSettings.ts"
import { originProblem } from "./PageOrigin.ts"
import { Providers } from "./Provider.ts"
import { headerName, option, optional, secret } from "./Setting.ts"

const IsRange = Schema.makeFilter((text: string) =>
  parseRange(text) === undefined ? "must be an address, or a range as 10.0.0.0/8" : undefined,
)
const IsOrigin = Schema.makeFilter(originProblem)
const IsHost = Schema.makeFilter(hostProblem)
const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))
const Millis = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

/** Every option in force. Times are in milliseconds and sizes in bytes, as their names say. */
export const GatewaySettings = Schema.Struct({
  enabled: option(Schema.Boolean, true, "If false, the process says so and exits with code 0."),
  host: option(
    Schema.NonEmptyString,
    "127.0.0.1",
    "The address to listen on. Every address except loopback requires a token.",
  ),
  port: option(
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65_535 })),
    18_789,
    "The port of all wires and routes. 0 takes a free port and prints it.",
  ),
  path: option(
    Schema.String.check(Schema.isPattern(/^\/[^\s?#]*$/, { expected: "a path such as /ws" })),
    "/ws",
    "The path where dashboards and JSON-RPC clients connect.",
  ),
  basePath: option(
    Schema.String.check(
      // No segment is `.` or `..`.
      Schema.isPattern(/^(\/(\.{0,2}[\w~-][\w.~-]*|\.{3}[\w.~-]*))*$/, {
        expected: "a path such as /causeway, without a slash at its end",
      }),
    ),
    "",
    "A prefix of every route, wire and page, e.g. /causeway. Set it behind a proxy that does not strip its prefix. Requests outside of it get 404.",
  ),
  auth: option(
    Schema.Literals(["token", "none"]),
    "token",
    "How clients authenticate. `none` trusts every program that can reach the port, so it is allowed on loopback only.",
  ),
  token: optional(
    secret("gateway token"),
    "The shared secret. Left out: the first start makes one and keeps it in the state folder, mode 0600.",
  ),
  password: optional(
    secret("gateway password"),
    "A second shared secret, for people. Every wire accepts it like the token.",
  ),
  allowedOrigins: option(
    Schema.Array(Schema.String.check(IsOrigin)),
    [],
    "Web pages of these origins may connect, besides the gateway's own: scheme://host[:port], e.g. https://dash.example.org or chrome-extension://ID. Patterns are refused: list each origin.",
  ),
  trustedProxies: option(
    Schema.Array(Schema.String.check(IsRange)),
    [],
    "Reverse proxies in front of the gateway, as addresses or ranges (127.0.0.1, 10.0.0.0/8). The gateway counts, lists and locks out their clients by the address in clientAddressHeader. It ignores that header from any other peer.",
  ),
  clientAddressHeader: option(
    headerName("x-real-ip"),
    "x-forwarded-for",
    "The header in which the trusted proxies name the client. They must append to it or overwrite it. If a proxy passes the header on unchanged, clients can forge their address.",
  ),
  tls: option(
    Schema.Struct({
      cert: optional(
        Schema.NonEmptyString,
        "The file of the certificate in PEM, with its chain. With tls.key, the port speaks HTTPS and wss:// only. The gateway takes over changed files within monitorIntervalMs, and connections stay open.",
      ),
      key: optional(Schema.NonEmptyString, "The file of the certificate's private key in PEM, without a passphrase."),
      minVersion: option(
        Schema.Literals(["TLSv1.2", "TLSv1.3"]),
        "TLSv1.2",
        "The oldest version of TLS that clients may use. TLSv1.3 keeps out clients from before 2018.",
      ),
    }),
    {},
    "TLS on the port itself. Behind a proxy that ends TLS, leave it out.",
  ),
  openclaw: option(
    Schema.Struct({
      strict: option(
        Schema.Boolean,
        false,
        "Refuses OpenClaw clients whose `connect` does not match the schema exactly: unknown client ids, modes and fields. Most third-party clients have some, so the default accepts them.",
      ),
    }),
    {},
    "The OpenClaw protocol.",
  ),
  stateDir: option(
    Schema.NonEmptyString,
    "~/.causeway",
    "The folder of the SQLite database, the token and the lock. One gateway per folder.",
  ),
  databaseUrl: optional(
    secret("database URL"),
    "The PostgreSQL database of the gateway, e.g. postgres://causeway:password@db.example.org/causeway?sslmode=verify-full. The parameter `schema` names the schema, which is `causeway` without it. One gateway per schema. Left out: SQLite in the state folder, which is faster on one machine and needs no server.",
  ),
  memoryDir: optional(
    Schema.NonEmptyString,
    "The folder of the Markdown files that agents share. Left out: memory/ in the state folder.",
  ),
  controlUiDir: optional(
    Schema.NonEmptyString,
    "The folder of OpenClaw's Control UI, e.g. node_modules/openclaw/dist/control-ui. Left out: the gateway does not serve it.",
  ),
  runtime: option(Schema.NonEmptyString, "echo", "The runtime of agents that do not choose one."),
  model: option(
    Schema.String.check(Schema.isMaxLength(NAME_CHARS)),
    "",
    "The model of agents that choose neither a model nor a runtime: `provider/model`, with a provider of the option providers. Empty: the runtime above answers.",
  ),
  providers: option(
    Providers,
    {},
    "The providers of models, by name. An agent's model is `provider/model`. docs/models.md shows how to add one.",
  ),
  acp: option(
    AcpAgents,
    {},
    "The command-line agents that speak ACP, by name. An agent uses one with the runtime `acp/<name>`. docs/acp.md has a configuration of each known agent.",
  ),
  hooks: option(HookSettings, {}, "HTTP routes by which other programs start runs. docs/hooks.md describes them."),
  durability: option(
    Schema.Literals(["power", "process"]),
    "power",
    "`power`: acknowledged messages survive a power cut, because every commit reaches the disk. `process`: they survive a crash of the process only, which is faster on slow disks. PostgreSQL always works as `power`.",
  ),
  lockWaitMs: option(
    Millis,
    5_000,
    "How long a write waits while another program keeps the database locked, or while PostgreSQL cannot be reached. A longer time outlasts slow backups, shells and restarts of the server, a shorter one reports the error earlier. Reads and probes continue meanwhile.",
  ),
  clock: option(
    Schema.Literals(["strict", "any"]),
    "strict",
    "Applies if the clock is more than a minute behind the newest event. `strict` refuses to start, so that times do not run backwards unnoticed. `any` starts and reports it in health. The order of events never depends on the clock.",
  ),
  runs: option(
    Schema.Struct({
      concurrent: option(
        Count,
        4,
        "Concurrent runs of all agents. Further runs wait in order. More runs cost memory and processor time.",
      ),
      concurrentPerAgent: option(
        Count,
        4,
        "Concurrent runs of one agent. A lower number leaves room for the other agents.",
      ),
      waitingPerSession: option(Count, 100, "Turns that may wait in one session. Further sends fail with SessionBusy."),
      attempts: option(
        Count,
        10,
        "Crashes after which a run fails. After each of the first three the run restarts at once, later alone and after growing pauses. So a run that crashes the gateway does not crash it forever. Planned stops do not count.",
      ),
      deadlineMs: option(
        Millis,
        600_000,
        "How long a run may take. A longer time suits slow tools, a shorter one makes room for waiting runs earlier. 0: no deadline.",
      ),
      steps: option(
        Count,
        25,
        "Steps of a model in one run. Each step is an answer that may call tools. A run with more steps fails. A higher number suits long tasks, a lower one ends loops earlier.",
      ),
      tokens: option(
        Millis,
        0,
        "Tokens that a run may use, as its provider counts them: all prompts and answers together. A run with more fails. 0: no limit.",
      ),
      eventsPerSecond: option(
        Count,
        5_000,
        "Pieces of text and other events that a run may emit in a second. A run with more fails, because each piece costs processor time for every client.",
      ),
      compactAt: option(
        Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 })),
        0.8,
        "The share of the model's context at which the older part of a conversation is summarized, e.g. 0.8. A lower share costs fewer tokens and forgets details earlier. 0: conversations are summarized by `sessions.compact` only.",
      ),
      replyChars: option(
        Count,
        1_048_576,
        "Characters of the text of a run, and of its thinking. A run with more fails. Inputs and outputs of tools are cut at this length. A higher number costs memory during the run, and may exceed what a client accepts at once.",
      ),
    }),
    {},
    "Limits of runs.",
  ),
  tools: option(
    Schema.Struct({
      timeoutMs: option(
        Count,
        60_000,
        "How long a call of a tool may take, unless the tool has a time of its own. A longer time suits slow tools, a shorter one lets the model go on earlier.",
      ),
      outputChars: option(
        Count,
        32_768,
        "Characters of the result of a call that the model reads. The gateway cuts longer results. A higher number costs tokens at every later step of the run.",
      ),
      approvalMs: option(
        Count,
        1_800_000,
        "How long a call of a tool with the permission ask waits for the decision of an operator. Then it fails. A longer time suits operators who are away.",
      ),
      questionMs: option(
        Count,
        900_000,
        "How long a question of an agent waits for an answer. Then the agent goes on without one. A longer time suits operators who are away.",
      ),
      spawnDepth: option(
        Count,
        2,
        "How deep agents may spawn sessions from spawned sessions. Deeper trees cost more runs and are harder to follow.",
      ),
      spawnedSessions: option(Count, 5, "Spawned sessions of one session that may be at work at the same time."),
      messagesPerHour: option(
        Count,
        60,
        "Messages and tasks that the agents of one conversation may send to other sessions within an hour. The limit ends agents that answer each other forever.",
      ),
      httpHosts: option(
        Schema.Array(Schema.String.check(IsHost)),
        [],
        "The hosts that the tool http_fetch may read: example.org (ports 80 and 443), example.org:8443, *.example.org for subdomains, * for all. Addresses of private networks are never read. Empty: agents have no such tool.",
      ),
    }),
    {},
    "Limits of the tools that agents call.",
  ),
  mcp: option(
    McpServers,
    {},
    "The MCP servers whose tools agents may call, by name. Their tools are called `<name>_<tool>`. docs/tools.md explains each field.",
  ),
  fleet: option(FleetSettings, {}, "The agents of other gateways, beside those of this one."),
  events: option(
    Schema.Struct({
      retainRows: option(
        Count,
        1_000_000,
        "Number of kept events. A client that missed more must take a snapshot. More events need more disk space.",
      ),
      retainDays: option(Count, 30, "Age of the oldest kept event in days."),
    }),
    {},
    "How far back clients can resume.",
  ),
  monitorIntervalMs: option(
    Count,
    5_000,
    "How often the gateway looks for changes by other programs: in the database, the memory folder and the token file. It publishes its own changes at once. Dashboards get a changed list at most this often.",
  ),
  drainMs: option(
    Millis,
    4_000,
    "Time that open runs get when the gateway stops. The next start restarts the runs that did not finish.",
  ),
  restartExpectedMs: optional(
    Millis,
    "How long a restart takes, if a supervisor restarts the gateway whenever it stops. Clients then show a restart instead of an end.",
  ),
  logLevel: option(
    Schema.Literals(["trace", "debug", "info", "warn", "error", "fatal"]),
    "info",
    "The lowest level that the gateway logs.",
  ),
  logFormat: option(Schema.Literals(["pretty", "json"]), "pretty", "The format of the log on standard error."),
  otlp: option(OtlpSettings, {}, "Export of telemetry. docs/operating.md describes it."),
  attachments: option(
    Schema.Struct({
      maxBytes: option(
        Count,
        20_971_520,
        "Largest file of a message. Larger ones are refused. In base64, which adds a third, a file also has to fit into limits.frameBytes.",
      ),
      maxImageBytes: option(Count, 6_291_456, "Largest picture of a message. Providers of models refuse larger ones."),
      perMessage: option(Count, 32, "Files of one message. A message with more is refused."),
      linkMs: option(
        Count,
        300_000,
        "How long a link to a file works. A link needs no token, so a shorter time is safer. A longer one suits slow readers.",
      ),
    }),
    {},
    "Limits of the files that belong to messages.",
  ),
  limits: option(Limits, {}, "Limits of connections and frames."),
})
export type GatewaySettings = typeof GatewaySettings.Type

/** The options as an embedding program gives them. Every option may be left out. */
export type GatewayOptions = typeof GatewaySettings.Encoded

/** The options of a gateway: `GatewayConfig.layer({ port: 0, token: "secret" })`. Options left out get their defaults. */
export class GatewayConfig extends Context.Service<GatewayConfig, GatewaySettings>()("causeway/domain/GatewayConfig") {
  /** Dies if an option does not match its schema: the options are part of the program, not input. */
  static readonly layer = (options: GatewayOptions): Layer.Layer<GatewayConfig> =>
    Layer.effect(GatewayConfig, Effect.orDie(Schema.decodeEffect(GatewaySettings)(options)))
}
