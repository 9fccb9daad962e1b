/**
 * The file that keeps the gateway's token: made by the first start, read by whoever talks to the gateway from the same
 * machine. It takes no lock, so that a client can read it while the gateway runs.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import { StartupError } from "../../domain/StartupError.ts"
import { toStartupError } from "./FileErrors.ts"
import { takeBack } from "./FilePermissions.ts"

const TOKEN_BYTES = 32

const redact = (token: string) => Redacted.make(token, { label: "gateway token" })

const attempt = <A>(file: string, run: () => A): Effect.Effect<A, StartupError> =>
  Effect.try({ try: run, catch: (error) => toStartupError(error, `the token file ${file}`) })

/** The token in the file; undefined where there is no file, or an empty one. */
const find = (file: string): string | undefined => {
  try {
    const token = Fs.readFileSync(file, "utf8").trim()
    return token === "" ? undefined : token
  } catch (error) {
    if (Predicate.hasProperty(error, "code") && error.code === "ENOENT") return undefined
    throw error
  }
}

/** Whole or not at all: a crash in the middle leaves the file as it was. */
const write = (file: string): string => {
  const token = randomBytes(TOKEN_BYTES).toString("base64url")
  const draft = `${file}.new`
  Fs.rmSync(draft, { force: true })
  Fs.writeFileSync(draft, `${token}\n`, { mode: 0o600, flag: "wx", flush: true })
  Fs.renameSync(draft, file)
  return token
}

/** For clients of a gateway that may ask for no token: undefined where none is kept. */
export const findToken = Effect.fn("TokenFile.findToken")(function* (file: string) {
  const token = yield* attempt(file, () => find(file))
  return token === undefined ? undefined : redact(token)
})

export const readToken = Effect.fn("TokenFile.readToken")(function* (file: string) {
  const token = yield* findToken(file)
  if (token !== undefined) return token
  return yield* new StartupError({
    problem: `there is no token in ${file}`,
    remedy: "start the gateway once so that it makes one, or give its token",
  })
})

/** For the gateway: makes the token if there is none, and takes the file back from everybody else. */
export const keepToken = Effect.fn("TokenFile.keepToken")(function* (file: string) {
  return yield* attempt(file, () => {
    const token = find(file)
    if (token === undefined) return redact(write(file))
    takeBack(file, 0o600)
    return redact(token)
  })
})

/**
 * The token in the file at any time, the same value until it is another; while none can be read, the last one. Asking
 * costs a look at the file's state: a token is always written as a new file.
 */
export const followToken = (file: string, first: Redacted.Redacted<string>): (() => Redacted.Redacted<string>) => {
  let last = { token: first, state: "" }
  return () => {
    try {
      const { ino, mtimeMs } = Fs.statSync(file)
      const state = `${ino} ${mtimeMs}`
      if (state === last.state) return last.token
      const found = find(file)
      const isSame = found === undefined || found === Redacted.value(last.token)
      last = { token: isSame ? last.token : redact(found), state }
      return last.token
    } catch {
      return last.token
    }
  }
}

/** A new token. A gateway that runs takes it at once: see Authenticator.ts and TokenChanges.ts. */
export const rotateToken = Effect.fn("TokenFile.rotateToken")(function* (file: string) {
  return yield* attempt(file, () => redact(write(file)))
})
