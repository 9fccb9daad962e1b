import { expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { LogEntry } from "../../../src/domain/Log.ts"
import { asJson, asLine } from "../../../src/services/logs/LogLine.ts"

const UNSAFE = /(?!\n|\t)[\p{Cc}\p{Bidi_Control}\p{Cs}\u2028\u2029]/u

const Attack = Schema.Array(Schema.Literals(["a", "\u001b[2J", "\u202e", "\r", "\n", "\u009b"]))

const entry = (message: string): LogEntry => ({ id: 1, at: 0, level: "warn", source: "runs", message })

it.prop("A line of the log has no character that commands a terminal.", [Attack, Schema.String], ([parts, text]) => {
  const message = `${parts.join("")}${text}`
  expect(asLine(entry(message))).not.toMatch(UNSAFE)
  expect(asJson(entry(message))).not.toMatch(UNSAFE)
  expect(JSON.parse(asJson(entry(message)))).toMatchObject({ message })
})

it("A message of many lines cannot pass for several entries.", () => {
  const forged = "failed\n1970-01-01T00:00:00.000Z INFO  runs: all is well"
  expect(asLine(entry(forged))).toBe(`1970-01-01T00:00:00.000Z WARN  runs: ${forged.replace("\n", "\n    ")}`)
  expect(asJson(entry(forged)).split("\n")).toHaveLength(1)
})
