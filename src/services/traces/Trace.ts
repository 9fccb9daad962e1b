/**
 * Trace: the W3C trace context (https://www.w3.org/TR/trace-context/) that a client sends as `traceparent`. It is the
 * parent of the spans of the call. The wires and HTTP routes read it, and calls of other programs pass it on.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"

/** Marks the span of a client. The actors of the cluster also make spans of other processes. */
const OfClient = Context.Reference<boolean>("causeway/services/traces/Trace/OfClient", { defaultValue: () => false })

const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[!-~]{0,400})?$/

/** Returns the span that a `traceparent` names, or `undefined` if it names none. */
export const read = (traceparent: unknown): Tracer.ExternalSpan | undefined => {
  if (typeof traceparent !== "string") return undefined
  const [, version, traceId = "", spanId = "", flags = "", more] = FORM.exec(traceparent) ?? []
  const isVersion = version !== undefined && version !== "ff" && (version !== "00" || more === undefined)
  if (!isVersion || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  const sampled = (Number.parseInt(flags, 16) & 1) === 1
  return Tracer.externalSpan({ traceId, spanId, sampled, annotations: Context.make(OfClient, true) })
}

/** Returns the `traceparent` that names the span. */
export const write = ({ sampled, spanId, traceId }: Tracer.AnySpan): string =>
  `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`

/** Runs the effect as a part of the caller's trace. Without a valid `traceparent` it changes nothing. */
export const within = <A, E, R>(effect: Effect.Effect<A, E, R>, traceparent: unknown): Effect.Effect<A, E, R> => {
  const span = traceparent === undefined ? undefined : read(traceparent)
  return span === undefined ? effect : Effect.provideService(effect, Tracer.ParentSpan, span)
}

/** Whether the spans of the gateway leave the process. */
export const AreExported = Context.Reference<boolean>("causeway/services/traces/Trace/AreExported", {
  defaultValue: () => false,
})

const rootOf = (span: Tracer.AnySpan): Tracer.AnySpan => {
  let root = span
  while (root._tag === "Span" && Option.isSome(root.parent)) root = root.parent.value
  return root
}

/**
 * Returns the span that other programs get as their parent: the own span if it is exported, else the span of the client,
 * because nobody would find the own one. Returns `undefined` if there is no such span.
 */
export const outgoing: Effect.Effect<Tracer.AnySpan | undefined> = Effect.withFiber((fiber) => {
  const span = Context.getOrUndefined(fiber.context, Tracer.ParentSpan)
  if (span === undefined || fiber.getRef(AreExported)) return Effect.succeed(span)
  const root = rootOf(span)
  return Effect.succeed(root._tag === "ExternalSpan" && Context.get(root.annotations, OfClient) ? root : undefined)
})

/** Returns the `traceparent` for other programs, or `undefined`. */
export const outgoingText: Effect.Effect<string | undefined> = Effect.map(outgoing, (span) => span && write(span))
