/**
 * SecretFiles: reads secrets from files, so that they do not appear in an environment. `GATEWAY_TOKEN_FILE` names the
 * file of `GATEWAY_TOKEN`, and so on. systemd writes credentials into the folder in CREDENTIALS_DIRECTORY. LoadConfig.ts
 * uses it.
 */
import * as Effect from "effect/Effect"
import { open } from "node:fs/promises"
import * as Path from "node:path"
import { codeOf } from "../../domain/SystemError.ts"
import { resolvePath } from "../../services/storage/StateFolder.ts"
import { configOptions } from "./ConfigOptions.ts"
import type { Environment } from "./Environment.ts"
import { type CommandFailed, usageError } from "../terminal/ExitCode.ts"

export interface SecretText {
  /** The name of the variable or credential, for messages. */
  readonly name: string
  readonly text: string
}

/** By the path of the option, e.g. `token`. */
export type SecretTexts = ReadonlyMap<string, SecretText>

/** A longer file is not a secret. */
const MAX_SECRET_BYTES = 65_536

/** Returns the text of a short file. Rejects if it is too long for a secret. */
export const firstBytes = async (path: string): Promise<string> => {
  const file = await open(path)
  try {
    const buffer = Buffer.alloc(MAX_SECRET_BYTES + 1)
    let length = 0
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length)
      if (bytesRead === 0) return buffer.toString("utf8", 0, length)
      length += bytesRead
    }
    throw new Error(`it is longer than ${MAX_SECRET_BYTES} bytes`)
  } finally {
    await file.close()
  }
}

const read = Effect.fnUntraced(function* (name: string, path: string) {
  const failed = (problem: string) =>
    usageError(`${name}: ${path} ${problem}`, "name a readable file with the secret on one line")
  const text = yield* Effect.tryPromise({
    try: () => firstBytes(path),
    catch: (error) => failed(`cannot be read (${codeOf(error)})`),
  })
  return text.trim() === "" ? yield* failed("is empty") : { name, text }
})

/** Returns the names of the credential of a secret: `token`, `gateway-token`, `GATEWAY_TOKEN`. */
const credentialNames = (path: ReadonlyArray<string>, environment: ReadonlyArray<string>): ReadonlyArray<string> => {
  const name = path.join("-")
  return [name, `gateway-${name}`, ...environment]
}

const isMissing = (error: CommandFailed) => error.problem.endsWith("(ENOENT)")

/** Reads the secrets of files and credentials. A variable that names a file overrides a credential. */
export const readSecrets = Effect.fn("readSecrets")(function* (environment: Environment) {
  const secrets = new Map<string, SecretText>()
  const folder = environment["CREDENTIALS_DIRECTORY"] ?? ""
  for (const option of configOptions) {
    if (!option.secret) continue
    const key = option.path.join(".")
    for (const name of option.environment.map((name) => `${name}_FILE`)) {
      const path = environment[name] ?? ""
      if (path !== "" && !secrets.has(key)) secrets.set(key, yield* read(name, resolvePath(path)))
    }
    if (folder === "") continue
    for (const name of credentialNames(option.path, option.environment)) {
      if (secrets.has(key)) continue
      const found = yield* read(`credential ${name}`, Path.join(folder, name)).pipe(
        Effect.catchIf(isMissing, () => Effect.undefined),
      )
      if (found !== undefined) secrets.set(key, found)
    }
  }
  return secrets
})
