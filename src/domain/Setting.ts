/**
 * Setting: the building blocks of the option schemas: an option with its default and description, a secret, and an address.
 * The schemas of options in this folder use them.
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

/** Accepts addresses of the schemes, such as `https:`, without a user and a password. `remedy` says where these belong. */
export const isAddress = (schemes: RegExp, example: string, remedy: string) =>
  Schema.makeFilter((text: string) => {
    const url = URL.parse(text)
    if (url === null || !schemes.test(url.protocol)) return `must be an address such as ${example}`
    return url.username + url.password === "" ? undefined : `must have no user and no password; ${remedy}`
  })

/** Refuses a record with a name that would need quotes in ids such as `provider/model` and in URLs. */
export const HaveNames = Schema.makeFilter((entries: Readonly<Record<string, unknown>>) => {
  const wrong = Object.keys(entries).find((name) => !/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(name))
  return wrong === undefined ? undefined : `the name ${JSON.stringify(wrong)} must consist of letters, digits, - and _`
})
