/**
 * TokenFile: reads and writes the file of the gateway's token. The first start makes the file. GatewayToken and the
 * commands of the same machine use this module. Reading takes no lock, so commands can read while the gateway runs.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Fs from "node:fs"
import { StartupError } from "../../domain/StartupError.ts"
import { codeOf } from "../../domain/SystemError.ts"
import { writeFile } from "../storage/AtomicFile.ts"
import { toStartupError } from "../storage/FileErrors.ts"
import { makePrivate } from "../storage/FilePermissions.ts"
import { makeSecret } from "./Secret.ts"

const redact = (token: string) => Redacted.make(token, { label: "gateway token" })

const failWith = (file: string) => (error: unknown) => toStartupError(error, `the token file ${file}`)

const attempt = <A>(file: string, run: () => A): Effect.Effect<A, StartupError> =>
  Effect.try({ try: run, catch: failWith(file) })

/** Returns `undefined` if the file does not exist or is empty. */
const find = (file: string): string | undefined => {
  try {
    const token = Fs.readFileSync(file, "utf8").trim()
    return token === "" ? undefined : token
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined
    throw error
  }
}

/** Returns the token, or `undefined` if the file is missing or empty. With `auth: none` the gateway writes no file. */
export const findToken = Effect.fn("TokenFile.findToken")(function* (file: string) {
  const token = yield* attempt(file, () => find(file))
  return token === undefined ? undefined : redact(token)
})

/** Returns the token. Fails with StartupError if the file is missing or empty. */
export const readToken = Effect.fn("TokenFile.readToken")(function* (file: string) {
  const token = yield* findToken(file)
  if (token !== undefined) return token
  return yield* new StartupError({
    problem: `there is no token in ${file}`,
    remedy: "start the gateway once so that it makes one, or give its token",
  })
})

/** Replaces the token by a new one and returns it. GatewayToken puts it in force in a running gateway. */
export const rotateToken = Effect.fn("TokenFile.rotateToken")(function* (file: string) {
  const token = makeSecret()
  yield* Effect.mapError(writeFile(file, `${token}\n`), failWith(file))
  return redact(token)
})

/** Returns the gateway's token. Makes one if the file is missing or empty. Sets the file's mode to 0600. */
export const ensureToken = Effect.fn("TokenFile.ensureToken")(function* (file: string) {
  const token = yield* findToken(file)
  if (token === undefined) return yield* rotateToken(file)
  yield* attempt(file, () => makePrivate(file, 0o600))
  return token
})

/**
 * Returns a function that reads the token. It returns the same value until the file holds another token, and the last
 * token while the file cannot be read. A call costs one `stat`: every writer puts a new file in place of the old one.
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
