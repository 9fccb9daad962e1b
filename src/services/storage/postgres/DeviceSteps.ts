/** The store of devices on PostgreSQL. PostgresStores makes it. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Device, DeviceGrant } from "../../../domain/Device.ts"
import type { DeviceStore } from "../RegistryStores.ts"
import { integers, texts } from "./PostgresConnection.ts"
import type { Statements } from "./Statements.ts"

const DeviceRow = Schema.Struct({ ...Device.fields, grants: Schema.fromJsonString(Schema.Array(DeviceGrant)) })

const decode = Schema.decodeUnknownSync(DeviceRow)

/** Selects the grants as one JSON text, so that each device is one row. */
const SELECT = `SELECT id AS "deviceId", public_key AS "publicKey", display_name AS "displayName", platform,
  device_family AS "deviceFamily", client_id AS "clientId", client_mode AS "clientMode",
  remote_address AS "remoteAddress", paired_at AS "pairedAt", coalesce((
    SELECT json_agg(json_build_object('role', role, 'scopes', scopes::json, 'issuedAt', issued_at,
      'lastUsedAt', last_used_at) ORDER BY pos) FROM device_grants WHERE device_id = devices.id
  ), '[]')::text AS grants FROM devices`

export const deviceSteps = ({ read, write }: Statements): DeviceStore => ({
  all: Effect.map(read(`${SELECT} ORDER BY paired_at, id`), (rows) => rows.map((row) => decode(row))),
  get: (deviceId) =>
    Effect.map(read(`${SELECT} WHERE id = $1`, [deviceId]), ([row]) => (row === undefined ? undefined : decode(row))),
  put: ({ grants, ...device }) =>
    Effect.asVoid(
      write(
        `WITH d AS (INSERT INTO devices (id, public_key, display_name, platform, device_family, client_id, client_mode,
            remote_address, paired_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
          ON CONFLICT (id) DO UPDATE SET display_name = excluded.display_name, platform = excluded.platform,
            device_family = excluded.device_family, client_id = excluded.client_id, client_mode = excluded.client_mode,
            remote_address = excluded.remote_address)
          INSERT INTO device_grants (device_id, role, scopes, issued_at, last_used_at)
          SELECT $1, * FROM unnest($10::text[], $11::text[], $12::bigint[], $13::bigint[])
          ON CONFLICT (device_id, role) DO UPDATE SET scopes = excluded.scopes, issued_at = excluded.issued_at,
            last_used_at = excluded.last_used_at`,
        [
          device.deviceId,
          device.publicKey,
          device.displayName,
          device.platform,
          device.deviceFamily,
          device.clientId,
          device.clientMode,
          device.remoteAddress,
          device.pairedAt,
          texts(grants.map(({ role }) => role)),
          texts(grants.map(({ scopes }) => JSON.stringify(scopes))),
          integers(grants.map(({ issuedAt }) => issuedAt)),
          integers(grants.map(({ lastUsedAt }) => lastUsedAt)),
        ],
      ),
    ),
  remove: (deviceId) =>
    Effect.map(
      write(
        `WITH g AS (DELETE FROM device_grants WHERE device_id = $1) DELETE FROM devices WHERE id = $1 RETURNING 1`,
        [deviceId],
      ),
      (rows) => rows.length > 0,
    ),
  setToken: ({ deviceId, role }, hash) =>
    Effect.asVoid(
      write("UPDATE device_grants SET token_hash = $3 WHERE device_id = $1 AND role = $2", [deviceId, role, hash]),
    ),
  tokenHash: ({ deviceId, role }) =>
    Effect.map(
      read("SELECT token_hash FROM device_grants WHERE device_id = $1 AND role = $2", [deviceId, role]),
      ([row]) => (row === undefined || row["token_hash"] === null ? undefined : String(row["token_hash"])),
    ),
  hasToken: (role, hash) =>
    Effect.map(
      read("SELECT 1 FROM device_grants WHERE role = $1 AND token_hash = $2 LIMIT 1", [role, hash]),
      (rows) => rows.length > 0,
    ),
  setLastUsed: ({ deviceId, role }, at) =>
    Effect.asVoid(
      write("UPDATE device_grants SET last_used_at = $3 WHERE device_id = $1 AND role = $2", [deviceId, role, at]),
    ),
})
