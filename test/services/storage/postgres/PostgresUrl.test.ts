import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { readUrl } from "../../../../src/services/storage/postgres/PostgresUrl.ts"
import { temporaryFolder } from "../../../support/GatewayProcess.ts"

const read = (url: string) => readUrl(Redacted.make(url))
const tlsOf = (url: string) => Effect.map(read(url), ({ config }) => config.ssl)
const refusal = (url: string) => Effect.map(Effect.flip(read(url)), ({ message }) => message)

describe("PostgresUrl", () => {
  it.effect("The name of a target has the user and the database, and never the password.", () =>
    Effect.gen(function* () {
      const target = yield* read("postgres://me:s3cret@db.example.org/app")
      expect(target.name).toBe("postgres://me@db.example.org:5432/app")
      expect(JSON.stringify(target)).not.toContain("s3cret")
      expect((yield* read("postgres://me@h:5433/app?password=s3cret")).name).toBe("postgres://me@h:5433/app")
      expect((yield* read("postgres://localhost/app?host=/run/pg&user=you&dbname=x")).name).toBe(
        "postgres://you@/run/pg/x",
      )
    }),
  )

  it.effect("The schema is causeway, or that of the URL, and its name is checked.", () =>
    Effect.gen(function* () {
      expect((yield* read("postgres://h/app")).schema).toBe("causeway")
      expect((yield* read("postgres://h/app?schema=second_1")).schema).toBe("second_1")
      expect(yield* refusal('postgres://h/app?schema=a"b')).toContain('has the schema "a"b": use a name of')
      expect(yield* refusal(`postgres://h/app?schema=${"a".repeat(64)}`)).toContain("at most 63 characters")
    }),
  )

  it.effect("A remote host uses TLS if it offers it, a loopback address and a socket use none.", () =>
    Effect.gen(function* () {
      const remote = yield* read("postgres://db.example.org/app")
      expect(remote.config.ssl).toBe(undefined)
      expect(Redacted.value(remote.config.url!)).toContain("sslmode=prefer")
      expect(yield* tlsOf("postgres://127.0.0.1/app")).toBe(false)
      expect(yield* tlsOf("postgres://[::1]/app")).toBe(false)
      expect(yield* tlsOf("postgres://localhost/app?host=/run/pg")).toBe(false)
      expect(yield* tlsOf("postgres://db.example.org/app?sslmode=disable")).toBe(false)
    }),
  )

  it.effect("The modes of TLS check what they check in libpq.", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const ca = join(folder, "ca.pem")
      writeFileSync(ca, "CERTIFICATE")
      const url = (mode: string) => `postgres://h.example.org/app?sslmode=${mode}`
      expect(yield* tlsOf(url("require"))).toEqual({ rejectUnauthorized: false })
      expect(yield* tlsOf(url("verify-full"))).toEqual({})
      expect(yield* tlsOf(`${url("verify-full")}&sslrootcert=${ca}`)).toEqual({ ca: "CERTIFICATE" })
      expect(yield* tlsOf(`${url("require")}&sslrootcert=${ca}`)).toEqual({
        ca: "CERTIFICATE",
        checkServerIdentity: expect.any(Function),
      })
      expect(yield* refusal(url("always"))).toContain('has an unknown sslmode "always": use disable, prefer, require')
      expect(yield* refusal(`${url("verify-full")}&sslrootcert=/nowhere.pem`)).toContain(
        "names the file /nowhere.pem in sslrootcert, which cannot be read",
      )
    }),
  )

  it.effect("A text that is no URL of PostgreSQL is refused without a word of it.", () =>
    Effect.gen(function* () {
      expect(yield* refusal("mysql://me:s3cret@h/app")).toContain('begins with "mysql://"')
      for (const url of ["me:s3cret@h", "postgres://me:s3cret@h:port/app", "postgres://me:%s3cret@h:x"]) {
        const message = yield* refusal(url)
        expect(message).not.toContain("s3cret")
        expect(message).toContain("databaseUrl")
      }
    }),
  )
})
