/**
 * Setting: the building blocks of the option schemas: an option with its default and description, and a secret.
 * GatewayConfig.ts and Provider.ts use them.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** An option that may be left out. The description names its effect and its trade. */
export const option = <S extends Schema.Top>(schema: S, value: S["Encoded"], description: string) =>
  Schema.withDecodingDefaultKey<S>(Effect.succeed(value))(schema).annotateKey({ description, default: value })

/**
 * A secret, without surrounding blanks and line ends: HTTP headers cannot carry them, and files end with a line end. A
 * control character within a secret is refused for the same reason.
 */
export const secret = (label: string) =>
  Schema.RedactedFromValue(
    Schema.Trim.check(Schema.isPattern(/^\P{Cc}+$/u, { expected: "one line of text without control characters" })),
    { label },
  )
