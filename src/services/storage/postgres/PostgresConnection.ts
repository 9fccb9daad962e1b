/**
 * PostgresConnection: one session of PostgreSQL that can be opened again after its loss. Statements of several fibers share
 * round trips. Postgres opens one for commits and one for reads.
 */
import * as PgConnection from "@effect/sql-pg/PgConnection"
import * as PgTypes from "@effect/sql-pg/PgTypes"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { ConnectionError, SqlError } from "effect/sql/SqlError"
import { isConnectionLost } from "./PostgresError.ts"
import type { PostgresTarget } from "./PostgresUrl.ts"

export type Row = Readonly<Record<string, unknown>>
export type Rows = ReadonlyArray<Row>

/** Runs one statement with its parameters `$1`, `$2`, ... and returns its rows. */
export type Query = (sql: string, params?: ReadonlyArray<unknown>) => Effect.Effect<Rows, SqlError>

const INT8 = PgTypes.OID.int8
const INT8_ARRAY = 1016
const TEXT_ARRAY = 1009

/** Reads and writes `bigint` columns as numbers. All of them are positions, times or counts below 2^53. */
const makeTypes = (): PgTypes.Registry => {
  const types = PgTypes.makeRegistry()
  const read = (bytes: Uint8Array, offset: number) =>
    Result.succeed(Number(new DataView(bytes.buffer, bytes.byteOffset + offset, 8).getBigInt64(0)))
  types.register<number | bigint>(
    INT8,
    {
      decode: (bytes) => read(bytes, 0),
      read,
      encode: (value) => {
        const bytes = new Uint8Array(8)
        new DataView(bytes.buffer).setBigInt64(0, BigInt(value))
        return Result.succeed(bytes)
      },
    },
    { arrayOid: INT8_ARRAY },
  )
  return types
}

const typed = (oid: number, value: unknown): PgTypes.Parameter => ({
  [PgTypes.ParameterTypeId]: PgTypes.ParameterTypeId,
  oid,
  value,
})

/** A `text[]` parameter. */
export const texts = (values: ReadonlyArray<string | null>): PgTypes.Parameter =>
  typed(
    TEXT_ARRAY,
    values.map((value) => (value === null ? null : withoutNul(value))),
  )

/** A `bigint[]` parameter. */
export const integers = (values: ReadonlyArray<number | null>): PgTypes.Parameter => typed(INT8_ARRAY, values)

/** PostgreSQL stores no NUL in a text. */
export const withoutNul = (text: string): string => (text.includes("\0") ? text.replaceAll("\0", "\uFFFD") : text)

/** Gives a number the same type whatever its size, so that one statement keeps one plan. */
const toParameter = (value: unknown): unknown => {
  if (typeof value === "string") return withoutNul(value)
  return typeof value === "number" && Number.isInteger(value) ? typed(INT8, value) : value
}

export interface SessionOptions {
  /** Shown in `pg_stat_activity`. */
  readonly name: string
  /** Settings of the session, e.g. `statement_timeout`. */
  readonly settings: Readonly<Record<string, string>>
}

interface Session {
  readonly connection: PgConnection.PgConnection
  readonly scope: Scope.Closeable
}

const notConnected = new SqlError({
  reason: new ConnectionError({ cause: new Error("not connected"), message: "not connected", operation: "query" }),
})

/** Opens a session in the schema of the target. */
export const openSession = (target: PostgresTarget, { name, settings }: SessionOptions) =>
  PgConnection.make({
    ...target.config,
    multiplex: true,
    keepAlive: "10 seconds",
    types: makeTypes(),
    applicationName: name,
    startupParameters: {
      search_path: `"${target.schema}"`,
      // Others see events at once, so a crash of the server must not take them back.
      synchronous_commit: "on",
      default_transaction_isolation: "read committed",
      ...settings,
    },
  })

export class PostgresConnection {
  readonly #target: PostgresTarget
  readonly #options: SessionOptions
  readonly #parent: Scope.Scope
  readonly #gate = Semaphore.makeUnsafe(1)
  #session: Session | undefined
  #sent = 0
  #answered = 0

  private constructor(target: PostgresTarget, options: SessionOptions, parent: Scope.Scope) {
    this.#target = target
    this.#options = options
    this.#parent = parent
  }

  /** Makes a connection that is not open yet. The end of the scope closes it. */
  static make(target: PostgresTarget, options: SessionOptions): Effect.Effect<PostgresConnection, never, Scope.Scope> {
    return Effect.map(Effect.scope, (scope) => new PostgresConnection(target, options, scope))
  }

  get isOpen(): boolean {
    return this.#session !== undefined
  }

  /** The number of answered statements, or `undefined` while a statement waits for its answer. */
  get answered(): number | undefined {
    return this.#sent === this.#answered ? this.#answered : undefined
  }

  /** The process of the server that serves the session, as the server has named it at the start. */
  get processId(): number | undefined {
    return this.#session?.connection.processId
  }

  /** Opens the session, once. Fails as the driver does. */
  readonly open: Effect.Effect<void, SqlError> = Effect.suspend(() =>
    this.isOpen
      ? Effect.void
      : this.#gate.withPermit(Effect.suspend(() => (this.isOpen ? Effect.void : this.#connect))),
  )

  /** Runs the statement, if the session is open. After the loss of the session, `open` makes a new one. */
  readonly query: Query = (sql, params = []) => Effect.map(this.#run(sql, params), ({ rows }) => rows)

  /** Commits. Fails if the server has rolled back instead: it answers COMMIT of a failed transaction so, without an error. */
  readonly commit: Effect.Effect<boolean, SqlError> = Effect.suspend(() =>
    Effect.map(this.#run("COMMIT", []), ({ command }) => command === "COMMIT"),
  )

  /** Closes the session. Statements that wait for an answer fail. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    const session = this.#session
    this.#session = undefined
    return session === undefined ? Effect.void : Scope.close(session.scope, Exit.void)
  })

  readonly #connect: Effect.Effect<void, SqlError> = Effect.uninterruptibleMask((restore) =>
    Effect.gen({ self: this }, function* () {
      const scope = yield* Scope.fork(this.#parent)
      const connection = yield* restore(Scope.provide(openSession(this.#target, this.#options), scope)).pipe(
        Effect.onError(() => Scope.close(scope, Exit.void)),
      )
      this.#session = { connection, scope }
    }),
  )

  #run(sql: string, params: ReadonlyArray<unknown>): Effect.Effect<PgConnection.Result, SqlError> {
    return Effect.suspend(() => {
      const session = this.#session
      if (session === undefined) return Effect.fail(notConnected)
      this.#sent++
      // One step, because it comes with every statement.
      return Effect.onExitPrimitive(session.connection.query(sql, params.map(toParameter)), (exit) => {
        this.#answered++
        if (Exit.isSuccess(exit) || this.#session !== session) return undefined
        const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
        return error !== undefined && isConnectionLost(error) ? this.close : undefined
      })
    })
  }
}
