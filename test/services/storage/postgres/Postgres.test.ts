import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { chmodSync, chownSync, copyFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { openPostgres } from "../../../../src/services/storage/postgres/Postgres.ts"
import * as CuttingProxy from "../../../support/CuttingProxy.ts"
import { execute, schemaUrl, server, targetOf, withParameters } from "../../../support/Postgres.ts"

const TLS = join(import.meta.dirname, "../../../fixtures/tls")

const problemOf = (url: string) =>
  Effect.flatMap(targetOf(url), (target) => Effect.scoped(Effect.flip(openPostgres(target))))

describe("Postgres", () => {
  it.live("A start creates the schema, and the next start keeps its epoch.", () =>
    Effect.gen(function* () {
      const target = yield* targetOf(yield* schemaUrl)
      const first = yield* Effect.scoped(openPostgres(target))
      const second = yield* Effect.scoped(openPostgres(target))
      expect(first.epoch).toMatch(/^[0-9a-f-]{36}$/)
      expect(second.epoch).toBe(first.epoch)
    }),
  )

  it.live("Gateways that start together migrate once.", () =>
    Effect.gen(function* () {
      const target = yield* targetOf(yield* schemaUrl)
      const starts = Array.from({ length: 4 }, () => Effect.scoped(openPostgres(target)))
      const opened = yield* Effect.all(starts, { concurrency: "unbounded" })
      expect(new Set(opened.map(({ epoch }) => epoch)).size).toBe(1)
    }),
  )

  it.live("A schema of a newer version is refused.", () =>
    Effect.gen(function* () {
      const url = yield* schemaUrl
      yield* Effect.scoped(openPostgres(yield* targetOf(url)))
      yield* execute(url, "INSERT INTO causeway_migrations (migration_id, name) VALUES (9999, 'later')")
      expect((yield* problemOf(url)).message).toContain("has version 9999")
    }),
  )

  it.live("A database that does not exist is named, without the password.", () =>
    Effect.gen(function* () {
      const url = (yield* schemaUrl).replace("/postgres?", "/nowhere?").replace("postgres@", "postgres:s3cret@")
      const { message } = yield* problemOf(url)
      expect(message).toContain('has no such database (database "nowhere" does not exist): create it with createdb')
      expect(message).not.toContain("s3cret")
    }),
  )

  it.live("A server that does not run is named.", () =>
    Effect.gen(function* () {
      const { message } = yield* problemOf("postgres://causeway:s3cret@127.0.0.1:1/causeway")
      expect(message).toMatch(/^the database postgres:\/\/causeway@127\.0\.0\.1:1\/causeway accepts no connections/)
      expect(message).not.toContain("s3cret")
    }),
  )

  it.live("A wrong password, a user without rights and a read-only server are refused with the next step.", () =>
    Effect.gen(function* () {
      const { stop, start, folder, tcpUrl, url } = yield* server({ tcp: true })
      yield* execute(url, "CREATE ROLE reader LOGIN PASSWORD 'right'", "REVOKE CREATE ON DATABASE postgres FROM public")
      const readerUrl = tcpUrl.replace("postgres@", "reader@")
      expect((yield* problemOf(readerUrl)).message).toContain("GRANT CREATE ON DATABASE")
      expect(
        (yield* problemOf(withParameters(tcpUrl, { options: "-c default_transaction_read_only=on" }))).message,
      ).toContain("is read-only: name the primary server")
      yield* Effect.promise(() => stop("fast"))
      writeFileSync(`${folder}/data/pg_hba.conf`, "local all all trust\nhost all all all scram-sha-256\n")
      yield* Effect.promise(start)
      const wrong = yield* problemOf(readerUrl.replace("reader@", "reader:wrong@"))
      expect(wrong.message).toContain("refuses the user or the password")
      expect(wrong.message).not.toContain("wrong@")
    }),
  )

  it.live("A pooler and a server that is too old are refused.", () =>
    Effect.gen(function* () {
      const { tcpUrl } = yield* server({ tcp: true })
      const through = (rewrite: (data: Buffer) => Buffer) =>
        Effect.map(CuttingProxy.make(Number(new URL(tcpUrl).port), rewrite), ({ port }) => {
          const url = new URL(tcpUrl)
          url.port = String(port)
          return url.href
        })
      // A pooler tells its client another process than the one that serves it.
      const pooler = yield* through((data) => {
        const key = data.indexOf("K\0\0\0\x0c")
        if (key >= 0) data.writeInt32BE(1, key + 5)
        return data
      })
      expect((yield* problemOf(pooler)).message).toContain("is behind a pooler: connect to PostgreSQL itself")
      const versions = yield* execute(tcpUrl, "SELECT current_setting('server_version_num')::int AS number")
      const [is, was] = [Number(versions[0]?.["number"]), 130_004].map((version) => {
        const bytes = Buffer.alloc(4)
        bytes.writeInt32BE(version)
        return bytes
      })
      const old = yield* through((data) => {
        const at = data.indexOf(is!)
        if (at >= 0) was!.copy(data, at)
        return data
      })
      expect((yield* problemOf(old)).message).toContain("upgrade the server to version 14 or newer")
    }),
  )

  it.live("TLS checks the certificate as sslmode says, and a certificate that is not trusted is refused.", () =>
    Effect.gen(function* () {
      const { folder, start, stop, tcpUrl, url } = yield* server({ tcp: true })
      yield* execute(url, "ALTER SYSTEM SET ssl = on")
      yield* Effect.promise(() => stop("fast"))
      const owner = statSync(join(folder, "data"))
      for (const [from, to] of [
        ["certificate.pem", "server.crt"],
        ["key.pem", "server.key"],
      ] as const) {
        const file = join(folder, "data", to)
        copyFileSync(join(TLS, from), file)
        chmodSync(file, 0o600)
        chownSync(file, owner.uid, owner.gid)
      }
      yield* Effect.promise(start)
      const isEncrypted = (parameters: Readonly<Record<string, string>>) =>
        Effect.map(
          execute(withParameters(tcpUrl, parameters), "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"),
          ([row]) => row?.["ssl"],
        )
      expect(yield* isEncrypted({ sslmode: "disable" })).toBe(false)
      expect(yield* isEncrypted({ sslmode: "require" })).toBe(true)
      const sslrootcert = join(TLS, "certificate.pem")
      expect(yield* isEncrypted({ sslmode: "verify-ca", sslrootcert })).toBe(true)
      const { message } = yield* problemOf(withParameters(tcpUrl, { sslmode: "verify-full" }))
      expect(message).toMatch(/shows a certificate that is not trusted .*sslrootcert=FILE/)
    }),
  )
})
