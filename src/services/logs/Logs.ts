/**
 * Logs: the gateway's log. One logger redacts each entry, stores it in a bounded ring, writes it to standard error and
 * passes it to observers. `logs.tail` reads the ring, and subscribers of the topic `logs` receive entries as live events.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Formatter from "effect/Formatter"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as EffectLogLevel from "effect/LogLevel"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { isLogged, type LogEntry, type LogFacts, LogLevel } from "../../domain/Log.ts"
import { shortened } from "../../domain/Text.ts"
import { Events } from "../events/Events.ts"
import { asJson, asLine } from "./LogLine.ts"
import { redact } from "./Redaction.ts"

/** Entries in memory. */
const RING_ENTRIES = 1_000

/** Characters of an entry. A runtime may fail with a page of HTML, and the ring stores a thousand entries. */
const ENTRY_CHARS = 16_384

/** Entries published in one second. The bound stops a loop of an entry whose publication logs another entry. */
const LIVE_PER_SECOND = 100

export class Logs extends Context.Service<
  Logs,
  {
    /**
     * Returns the newest entries in memory, oldest first: at most `limit` of those after the id `after` and at least as
     * severe as `level` (left out: `trace`). `head` is the id of the newest entry. `truncated`: older matching entries
     * were left out or are no longer in memory.
     */
    tail(options: {
      readonly after?: number | undefined
      readonly limit: number
      readonly level?: LogLevel | undefined
    }): {
      readonly entries: ReadonlyArray<LogEntry>
      readonly head: number
      readonly truncated: boolean
    }
    /** Redacts this value in all entries from now on. Every secret of the configuration is hidden already. */
    readonly hide: (secret: Redacted.Redacted<string>) => void
    /** Calls the observer for each new entry until the scope closes, except for entries that observers cause themselves. */
    onEntry(observer: (entry: LogEntry) => void): Effect.Effect<void, never, Scope.Scope>
  }
>()("causeway/services/logs/Logs") {
  /** Also replaces the logger of every layer built on this one. `logLevel` and `logFormat` apply. */
  static readonly layer: Layer.Layer<Logs, never, GatewayConfig> = Layer.effectContext(
    Effect.gen(function* () {
      const config = yield* GatewayConfig
      const log = new LogRing()
      for (const secret of secretsIn(config)) log.hide(secret)
      const logger = Logger.make<unknown, LogEntry>(({ message, cause, logLevel, fiber, date }) => {
        const { source = "gateway", ...facts } = fiber.getRef(References.CurrentLogAnnotations)
        const text = formatMessage(message, facts, cause)
        return log.add({ at: date.getTime(), level: levelOf(logLevel), source: String(source), message: text }, facts)
      })
      const written = Logger.withConsoleError(Logger.map(logger, config.logFormat === "json" ? asJson : asLine))
      const service = Logs.of({
        tail: (options) => log.tail(options),
        hide: (secret) => log.hide(secret),
        onEntry: (observer) =>
          Effect.acquireRelease(
            Effect.sync(() => void log.observers.add(observer)),
            () => Effect.sync(() => void log.observers.delete(observer)),
          ),
      })
      return Context.make(Logs, service).pipe(
        Context.add(Logger.CurrentLoggers, new Set([written])),
        Context.add(References.MinimumLogLevel, effectLevel[config.logLevel]),
      )
    }),
  )

  /** Publishes each entry as a live event. Separate from `layer`, because Events logs too. */
  static readonly layerEvents: Layer.Layer<never, never, Logs | Events> = Layer.effectDiscard(
    Effect.gen(function* () {
      const logs = yield* Logs
      const events = yield* Events
      let second = 0
      let published = 0
      yield* logs.onEntry((entry) => {
        const now = Math.floor(entry.at / 1_000)
        published = now === second ? published + 1 : 1
        second = now
        if (published <= LIVE_PER_SECOND) events.publishLive({ _tag: "LogAdded", entry })
      })
    }),
  )
}

/** Returns every secret of the configuration, such as the token and the keys of providers. */
export const secretsIn = (value: unknown): ReadonlyArray<Redacted.Redacted<string>> => {
  if (isSecret(value)) return [value]
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(secretsIn) : []
}

const isSecret = (value: unknown): value is Redacted.Redacted<string> =>
  Redacted.isRedacted(value) && typeof Redacted.value(value) === "string"

/** The newest entries, the secrets to redact and the observers. */
class LogRing {
  readonly observers = new Set<(entry: LogEntry) => void>()
  readonly #entries: Array<LogEntry> = []
  readonly #secrets = new Set<string>()
  #head = 0
  #isNotifying = false

  hide(secret: Redacted.Redacted<string>): void {
    this.#secrets.add(Redacted.value(secret))
  }

  /** Redacts and shortens the texts, stores the entry and calls the observers. */
  add({ message, ...written }: Omit<LogEntry, "id" | "facts">, facts: Record<string, unknown>): LogEntry {
    const safe = this.#safe(message)
    const entry: LogEntry = { id: ++this.#head, ...written, message: safe, ...this.#safeFacts(facts) }
    this.#entries.push(entry)
    if (this.#entries.length > RING_ENTRIES) this.#entries.shift()
    if (this.#isNotifying) return entry
    this.#isNotifying = true
    try {
      for (const observer of this.observers) observer(entry)
    } finally {
      this.#isNotifying = false
    }
    return entry
  }

  #safe(text: string): string {
    return bounded(redact(text, this.#secrets).toWellFormed())
  }

  #safeFacts(facts: Record<string, unknown>): Pick<LogEntry, "facts"> {
    const safe: Record<string, LogFacts[string]> = {}
    for (const [name, value] of Object.entries(facts)) {
      const isPlain = typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value))
      safe[name] = isPlain ? value : this.#safe(format(value))
    }
    return Object.keys(facts).length === 0 ? {} : { facts: safe }
  }

  tail({ after = 0, level = "trace", limit }: Parameters<Logs["Service"]["tail"]>[0]) {
    const wanted = this.#entries.filter((entry) => entry.id > after && isLogged(entry.level, level))
    const entries = wanted.slice(-limit)
    const truncated = entries.length < wanted.length || after + 1 < (this.#entries[0]?.id ?? 0)
    return { entries, head: this.#head, truncated }
  }
}

const effectLevel = {
  trace: "Trace",
  debug: "Debug",
  info: "Info",
  warn: "Warn",
  error: "Error",
  fatal: "Fatal",
} as const satisfies Record<LogLevel, EffectLogLevel.LogLevel>

const levelOf = (level: EffectLogLevel.LogLevel): LogLevel =>
  LogLevel.literals.find((candidate) => effectLevel[candidate] === level) ?? "info"

const format = (part: unknown): string =>
  typeof part === "string" ? part : part instanceof Error ? Cause.pretty(Cause.fail(part)) : Formatter.format(part)

/** Returns the message, the annotations as `name=value`, and the cause on lines of its own. */
const formatMessage = (message: unknown, facts: Record<string, unknown>, cause: Cause.Cause<unknown>): string => {
  const parts = Arr.ensure(message).map(format)
  const annotations = Object.entries(facts).map(([name, value]) => `${name}=${format(value)}`)
  const line = [...parts, ...annotations].join(" ")
  return cause.reasons.length === 0 ? line : `${line}\n${Cause.pretty(cause)}`
}

const bounded = (text: string): string =>
  text.length <= ENTRY_CHARS ? text : `${shortened(text, ENTRY_CHARS)} (${text.length} characters)`
