import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { openPostgres } from "../../../../src/services/storage/postgres/Postgres.ts"
import { execute, schemaUrl, server, targetOf, withParameters } from "../../../support/Postgres.ts"

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
      const { writeFileSync } = yield* Effect.promise(() => import("node:fs"))
      writeFileSync(`${folder}/data/pg_hba.conf`, "local all all trust\nhost all all all scram-sha-256\n")
      yield* Effect.promise(start)
      const wrong = yield* problemOf(readerUrl.replace("reader@", "reader:wrong@"))
      expect(wrong.message).toContain("refuses the user or the password")
      expect(wrong.message).not.toContain("wrong@")
    }),
  )
})
