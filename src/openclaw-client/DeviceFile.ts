/**
 * DeviceFile: keeps the key of this device and the tokens that gateways gave it, in one file that only its owner can read.
 * Several clients may use the same file. CredentialChoice.ts uses it.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { randomUUID } from "node:crypto"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { codeOf } from "../domain/SystemError.ts"
import { DeviceKey } from "./DeviceKey.ts"

const Content = Schema.Struct({
  privateKey: Schema.String,
  /** The device token of each gateway, by the URL of the gateway. */
  tokens: Schema.Record(Schema.String, Schema.String),
})
type Content = typeof Content.Type

/** The file of the device key cannot be read or written, or it contains something else. */
export class DeviceFileProblem extends Schema.TaggedError<DeviceFileProblem>()("DeviceFileProblem", {
  file: Schema.String,
  problem: Schema.String,
}) {
  override get message(): string {
    return `the device key ${this.file} ${this.problem}`
  }
}

export interface DeviceFile {
  readonly key: DeviceKey
  /** Returns the token that the gateway gave this device. */
  readonly tokenFor: (gateway: string) => Effect.Effect<Redacted.Redacted<string> | undefined, DeviceFileProblem>
  /** Keeps a token, or removes it with `undefined`. */
  readonly keep: (gateway: string, token: string | undefined) => Effect.Effect<void, DeviceFileProblem>
}

/** Writes a draft beside the file and gives it the name, so that a crash leaves the old or the new content. */
const write = (file: string, content: Content, give: (draft: string, file: string) => void): void => {
  const draft = Path.join(Path.dirname(file), `.${randomUUID()}.tmp`)
  try {
    Fs.writeFileSync(draft, `${JSON.stringify(content, undefined, 2)}\n`, { mode: 0o600, flag: "wx", flush: true })
    give(draft, file)
  } finally {
    Fs.rmSync(draft, { force: true })
  }
}

/** Creates the file with a new key. Leaves a file alone that another process has created at the same time. */
const create = (file: string): void => {
  Fs.mkdirSync(Path.dirname(file), { recursive: true, mode: 0o700 })
  try {
    write(file, { privateKey: DeviceKey.generate().toPem(), tokens: {} }, Fs.linkSync)
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error
  }
}

const FOREIGN = "is not a device key: move it away to get a new one"

/** Returns the content, or `undefined` if the file contains something else. */
const read = (file: string): Content | undefined => {
  const text = Fs.readFileSync(file, "utf8")
  try {
    return Option.getOrUndefined(Schema.decodeUnknownOption(Content)(JSON.parse(text)))
  } catch {
    return undefined
  }
}

/** Returns the key, or `undefined`. The error of the library may quote the key, so it is dropped. */
const keyOf = ({ privateKey }: Content): DeviceKey | undefined => {
  try {
    return DeviceKey.fromPem(privateKey)
  } catch {
    return undefined
  }
}

/** Runs without a pause, so that two clients of this process do not overwrite each other. */
const attempt = <A>(file: string, doing: string, run: () => A): Effect.Effect<A, DeviceFileProblem> =>
  Effect.try({
    try: run,
    catch: (error) => new DeviceFileProblem({ file, problem: `cannot be ${doing} (${codeOf(error)})` }),
  })

/** Opens the file. Creates it with a new key if it does not exist. */
export const open = Effect.fnUntraced(function* (file: string): Effect.fn.Return<DeviceFile, DeviceFileProblem> {
  if (!Fs.existsSync(file)) yield* attempt(file, "written", () => create(file))
  const foreign = new DeviceFileProblem({ file, problem: FOREIGN })
  const content = Effect.flatMap(
    attempt(file, "read", () => read(file)),
    (content) => (content === undefined ? Effect.fail(foreign) : Effect.succeed(content)),
  )
  const key = keyOf(yield* content)
  if (key === undefined) return yield* foreign
  return {
    key,
    tokenFor: (gateway) =>
      Effect.map(content, ({ tokens }) => {
        const token = tokens[gateway]
        return token === undefined ? undefined : Redacted.make(token)
      }),
    keep: (gateway, token) =>
      Effect.flatMap(content, ({ privateKey, tokens }) => {
        if (tokens[gateway] === token) return Effect.void
        const { [gateway]: _previous, ...others } = tokens
        const next = token === undefined ? others : { ...others, [gateway]: token }
        return attempt(file, "written", () => write(file, { privateKey, tokens: next }, Fs.renameSync))
      }),
  }
})
