/**
 * The tool `time`. Toolkit.ts adds it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { ID_CHARS, nonEmptyText } from "../../domain/Bounds.ts"
import * as AgentTool from "../tools/AgentTool.ts"
import { Tools } from "../tools/Tools.ts"

const FORMAT = { dateStyle: "full", timeStyle: "long" } as const

const unknownZone = (timeZone: string) =>
  new AgentTool.ToolFailed({
    message: `There is no time zone "${timeZone}". Use a name of the IANA database, such as Europe/Berlin or UTC.`,
  })

const tool = AgentTool.make({
  name: "time",
  description: "Returns the current date and time.",
  source: "gateway",
  parameters: Schema.Struct({
    timeZone: Schema.optionalKey(nonEmptyText(ID_CHARS)).annotateKey({
      description: "An IANA name such as Europe/Berlin. Left out: the gateway's own zone.",
    }),
  }),
  success: Schema.Struct({ iso: Schema.String, local: Schema.String, timeZone: Schema.String }),
  handle: Effect.fnUntraced(function* ({ timeZone }) {
    const now = new Date(yield* Clock.currentTimeMillis)
    const format = yield* Effect.try({
      try: () => new Intl.DateTimeFormat("en-GB", { ...FORMAT, timeZone }),
      catch: () => unknownZone(timeZone ?? ""),
    })
    return { iso: now.toISOString(), local: format.format(now), timeZone: format.resolvedOptions().timeZone }
  }),
})

export const layer: Layer.Layer<never, never, Tools> = Tools.add(tool)
