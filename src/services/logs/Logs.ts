/**
 * Logs: what the gateway says about itself. One logger makes an entry of each message, secrets blacked out, and gives
 * it to a bounded ring, to standard error and, as a live event, to who asked for it. It knows nobody who logs.
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
import { type LogEntry, LogLevel } from "../../domain/Log.ts"
import { shortened } from "../../domain/Text.ts"
import { Events } from "../events/Events.ts"
import { asJson, asLine } from "./LogLine.ts"
import { redact } from "./Redaction.ts"

/** Entries that are remembered. */
const RING = 1_000

/** Characters of an entry. A runtime may fail with a page of HTML, and a thousand entries are remembered. */
const ENTRY_CHARS = 16_384

/** Entries told live in one second: what telling an entry makes somebody log can not become a flood. */
const LIVE_PER_SECOND = 100

export class Logs extends Context.Service<
  Logs,
  {
    tail(options: {
      readonly after?: number | undefined
      readonly limit: number
      readonly level?: LogLevel | undefined
    }): {
      readonly entries: ReadonlyArray<LogEntry>
      readonly head: number
      readonly truncated: boolean
    }
    /** From now on this value is blacked out wherever it would appear. */
    readonly hide: (secret: Redacted.Redacted<string>) => void
    /** Called for each new entry, not for those that it causes itself. */
    observe(observer: (entry: LogEntry) => void): Effect.Effect<void, never, Scope.Scope>
  }
>()("causeway/services/logs/Logs") {
  /** Also makes it the logger of everything that is built upon this layer. */
  static readonly layer: Layer.Layer<Logs, never, GatewayConfig> = Layer.effectContext(
    Effect.gen(function* () {
      const config = yield* GatewayConfig
      const secrets = new Set<string>()
      const hide = (secret: Redacted.Redacted<string>) => void secrets.add(Redacted.value(secret))
      for (const secret of [config.token, config.password]) if (secret !== undefined) hide(secret)

      const ring: Array<LogEntry> = []
      let head = 0
      const observers = new Set<(entry: LogEntry) => void>()
      let telling = false

      const logger = Logger.make<unknown, LogEntry>(({ message, cause, logLevel, fiber, date }) => {
        const { source = "gateway", ...facts } = fiber.getRef(References.CurrentLogAnnotations)
        const entry: LogEntry = {
          id: ++head,
          at: date.getTime(),
          level: levelOf(logLevel),
          source: String(source),
          message: bounded(redact(sentence(message, facts, cause), secrets).toWellFormed()),
        }
        ring.push(entry)
        if (ring.length > RING) ring.shift()
        if (!telling) {
          telling = true
          try {
            for (const observer of observers) observer(entry)
          } finally {
            telling = false
          }
        }
        return entry
      })

      const tail: Logs["Service"]["tail"] = ({ after = 0, level = "trace", limit }) => {
        const least = LogLevel.literals.indexOf(level)
        const wanted = ring.filter((entry) => entry.id > after && LogLevel.literals.indexOf(entry.level) >= least)
        const entries = wanted.slice(-limit)
        return { entries, head, truncated: entries.length < wanted.length || after + 1 < (ring[0]?.id ?? 0) }
      }

      const observe = (observer: (entry: LogEntry) => void) =>
        Effect.acquireRelease(
          Effect.sync(() => void observers.add(observer)),
          () => Effect.sync(() => void observers.delete(observer)),
        )

      const written = Logger.withConsoleError(Logger.map(logger, config.logFormat === "json" ? asJson : asLine))
      return Context.make(Logs, Logs.of({ tail, hide, observe })).pipe(
        Context.add(Logger.CurrentLoggers, new Set([written])),
        Context.add(References.MinimumLogLevel, effectLevel[config.logLevel]),
      )
    }),
  )

  /** Tells each entry as a live event. Apart from `layer`, because what keeps events logs too. */
  static readonly live: Layer.Layer<never, never, Logs | Events> = Layer.effectDiscard(
    Effect.gen(function* () {
      const logs = yield* Logs
      const events = yield* Events
      let second = 0
      let told = 0
      yield* logs.observe((entry) => {
        const now = Math.floor(entry.at / 1_000)
        told = now === second ? told + 1 : 1
        second = now
        if (told <= LIVE_PER_SECOND) events.publishLive({ _tag: "LogAdded", entry })
      })
    }),
  )
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

const words = (part: unknown): string =>
  typeof part === "string" ? part : part instanceof Error ? Cause.pretty(Cause.fail(part)) : Formatter.format(part)

const sentence = (message: unknown, facts: Record<string, unknown>, cause: Cause.Cause<unknown>): string => {
  const said = Arr.ensure(message).map(words)
  const known = Object.entries(facts).map(([name, value]) => `${name}=${words(value)}`)
  const line = [...said, ...known].join(" ")
  return cause.reasons.length === 0 ? line : `${line}\n${Cause.pretty(cause)}`
}

const bounded = (text: string): string =>
  text.length <= ENTRY_CHARS ? text : `${shortened(text, ENTRY_CHARS)} (${text.length} characters)`
