/**
 * Setting: the building blocks of the option schemas: options with and without a default, secrets, names, headers and URLs.
 * The schemas of options in this folder use them.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** An option with a default. The description names its effect and its trade. */
export const option = <S extends Schema.Top>(schema: S, value: S["Encoded"], description: string) =>
  Schema.withDecodingDefaultKey<S>(Effect.succeed(value))(schema).annotateKey({ description, default: value })

/** An option without a default. The description says what it means to leave it out. */
export const optional = <S extends Schema.Top>(schema: S, description: string) =>
  Schema.optionalKey(schema).annotateKey({ description })

/**
 * A secret, without surrounding blanks and line ends: HTTP headers cannot carry them, and files end with a line end. A
 * control character within a secret is refused for the same reason.
 */
export const secret = (label: string) =>
  Schema.RedactedFromValue(
    Schema.Trim.check(Schema.isPattern(/^\P{Cc}+$/u, { expected: "one line of text without control characters" })),
    { label },
  )

/** The name of a header. */
export const headerName = (example: string) =>
  Schema.String.check(Schema.isPattern(/^[A-Za-z0-9-]+$/, { expected: `the name of a header, e.g. ${example}` }))

/** Headers of requests by their names. Their values count as secrets. */
export const headers = (example: string, description: string) =>
  option(Schema.Record(headerName(example), secret("header")), {}, description)

/** Accepts URLs of the schemes, such as `https:`, without a user and a password. `remedy` says where these belong. */
export const isUrl = (schemes: RegExp, example: string, remedy: string) =>
  Schema.makeFilter((text: string) => {
    const url = URL.parse(text)
    if (url === null || !schemes.test(url.protocol)) return `must be an address such as ${example}`
    return url.username + url.password === "" ? undefined : `must have no user and no password; ${remedy}`
  })

/** Names without characters that would need quotes in ids, such as `provider/model`, and in URLs. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/

/** The name by which other options and ids refer to an entry of the configuration. */
export const EntryName = Schema.String.check(Schema.isPattern(NAME, { expected: "a name of letters, digits, - and _" }))

/** Refuses a record with another key than an `EntryName`. Its problem shows the key. */
export const HaveNames = Schema.makeFilter((entries: Readonly<Record<string, unknown>>) => {
  const wrong = Object.keys(entries).find((name) => !NAME.test(name))
  return wrong === undefined ? undefined : `the name ${JSON.stringify(wrong)} must consist of letters, digits, - and _`
})
